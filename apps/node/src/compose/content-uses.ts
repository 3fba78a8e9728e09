/**
 * By which names contents were asked for, and which of them last: what the node needs to ask a service what they are worth, since a service knows
 * names and the store knows roots.
 */
import { toHex } from '@selvedge/ledger-types'
import { type Address, isSameAddress } from '@selvedge/sdk'
import QuickLRU from 'quick-lru'

export interface ContentUse {
  /** Its root, and CIDs; the first few. */
  readonly addresses: readonly Address[]
  /** Of two contents, the one that was used later has the larger number. */
  readonly last: number
}

const CONTENTS_MAX = 32_768
const ADDRESSES_MAX = 4

export class ContentUses {
  readonly #uses: QuickLRU<string, ContentUse>
  #next = 1

  /** @param contentsMax - that are remembered for certain; up to twice as many are. */
  constructor(contentsMax: number = CONTENTS_MAX) {
    this.#uses = new QuickLRU({ maxSize: contentsMax })
  }

  note(root: Uint8Array, address: Address): void {
    const key = toHex(root)
    const { addresses } = this.#uses.peek(key) ?? { addresses: [] }
    const isKnown = addresses.length >= ADDRESSES_MAX || addresses.some((each) => isSameAddress(each, address))
    const names = isKnown ? addresses : [...addresses, { kind: address.kind, bytes: address.bytes.slice() }]
    this.#uses.set(key, { addresses: names, last: this.#next++ })
  }

  /** Undefined: not used, or too long ago. */
  of(root: Uint8Array): ContentUse | undefined {
    return this.#uses.peek(toHex(root)) // whoever asks what it is worth does not use it
  }
}
