/**
 * By which names contents were asked for, and which of them last: what the node needs to ask a service what they are worth, since a service knows
 * names and the store knows roots. Bounded by two generations: when the young one is full, the old one is forgotten and the young one is old.
 */
import { toHex } from '@selvedge/ledger-types'
import { type Address, isSameAddress } from '@selvedge/sdk'

export interface ContentUse {
  /** Its root, and CIDs; the first few. */
  readonly addresses: readonly Address[]
  /** Of two contents, the one that was used later has the larger number. */
  readonly last: number
}

const GENERATION_MAX = 32_768
const ADDRESSES_MAX = 4

export class ContentUses {
  readonly #generationMax: number
  #young = new Map<string, ContentUse>()
  #old = new Map<string, ContentUse>()
  #next = 1

  /** @param generationMax - contents that are remembered for certain; up to twice as many are. */
  constructor(generationMax: number = GENERATION_MAX) {
    this.#generationMax = generationMax
  }

  note(root: Uint8Array, address: Address): void {
    const key = toHex(root)
    const { addresses } = this.#found(key) ?? { addresses: [] }
    const isKnown = addresses.length >= ADDRESSES_MAX || addresses.some((each) => isSameAddress(each, address))
    const names = isKnown ? addresses : [...addresses, { kind: address.kind, bytes: address.bytes.slice() }]
    if (!this.#young.has(key) && this.#young.size >= this.#generationMax) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, { addresses: names, last: this.#next++ })
  }

  /** Undefined: not used, or too long ago. */
  of(root: Uint8Array): ContentUse | undefined {
    return this.#found(toHex(root))
  }

  #found(key: string): ContentUse | undefined {
    return this.#young.get(key) ?? this.#old.get(key)
  }
}
