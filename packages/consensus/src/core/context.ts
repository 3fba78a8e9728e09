/**
 * What the parts of one core share: the epoch, the committee, the time of this step, and the list that effects go to.
 *
 * `note` keeps a record for the next `persist`: certificates need to be durable only before something is sent that rests on them, so
 * they ride on that sync. Invariant: records become durable in the order in which they were noted, so that the certificates on disk are
 * causally complete at any instant.
 */
import { toHex } from '../wire/bytes.ts'
import { createCommittee, type Committee } from '../wire/committee.ts'
import { genesisDigest } from '../wire/certificate.ts'
import type { HeaderRules } from '../wire/check.ts'
import { encodeFrame, type Frame } from '../wire/frames.ts'
import type { Authority, Digest } from '../wire/types.ts'
import type { CoreComponents, CoreCrypto, CoreEffect, CoreOptions, EpochSetup, StoredRecord, StoreView, Time } from './contract.ts'
import { settingsOf, type CoreSettings } from './settings.ts'

export interface GenesisReference {
  readonly author: Authority
  readonly digest: Digest
  readonly key: string
}

export class CoreContext {
  readonly setup: EpochSetup
  readonly committee: Committee
  readonly settings: CoreSettings
  readonly self: Authority
  readonly others: readonly Authority[]
  /** The implicit certificates of round 0, by author. */
  readonly genesis: readonly GenesisReference[]
  readonly crypto: CoreCrypto
  readonly store: StoreView
  readonly #random: () => number
  readonly #genesisDigests: readonly Digest[]
  #nowMs = 0
  #unixMs = 0
  #effects: CoreEffect[] = []
  #noted: StoredRecord[] = []

  constructor(components: CoreComponents, setup: EpochSetup, options?: CoreOptions) {
    this.setup = setup
    this.committee = createCommittee(setup.committee)
    this.settings = settingsOf(options)
    this.self = setup.self
    const all = Array.from({ length: this.committee.size }, (_, authority) => authority)
    this.others = all.filter((authority) => authority !== setup.self)
    this.genesis = all.map((author) => {
      const digest = genesisDigest(setup.chainId, setup.genesisHash, setup.epoch, author)
      return { author, digest, key: toHex(digest) }
    })
    this.#genesisDigests = this.genesis.map(({ digest }) => digest)
    this.crypto = components.crypto
    this.store = components.store
    this.#random = components.random
  }

  /** For `checkHeader`; what was asked for, or is certified, may be of any round. */
  headerRules(roundMax: number): HeaderRules {
    return { epoch: this.setup.epoch, roundMax, genesis: this.#genesisDigests, workers: this.settings.workers }
  }

  get nowMs(): number {
    return this.#nowMs
  }

  get unixMs(): number {
    return this.#unixMs
  }

  /** A step begins. */
  enter(time: Time, effects: CoreEffect[]): void {
    this.#nowMs = Math.max(this.#nowMs, time.nowMs)
    this.#unixMs = time.unixMs
    this.#effects = effects
  }

  push(effect: CoreEffect): void {
    this.#effects.push(effect)
  }

  send(to: Authority | 'others', frame: Frame): void {
    if (to !== 'others' || this.others.length > 0) this.sendEncoded(to, this.encode(frame))
  }

  /** A frame that is encoded already, since its body is kept too. */
  sendEncoded(to: Authority | 'others', frame: Uint8Array): void {
    if (to !== 'others' || this.others.length > 0) this.#effects.push({ type: 'send', to, frame })
  }

  encode(frame: Frame): Uint8Array {
    return encodeFrame(frame, this.committee.size)
  }

  note(record: StoredRecord): void {
    this.#noted.push(record)
  }

  /** Makes what was noted, then `records`, durable before any later effect. */
  persist(...records: readonly StoredRecord[]): void {
    if (this.#noted.length + records.length === 0) return
    this.#effects.push({ type: 'persist', records: [...this.#noted, ...records] })
    this.#noted = []
  }

  count(name: string, by = 1): void {
    this.#effects.push({ type: 'count', name, by })
  }

  /** Below 2^48. */
  randomNumber(): number {
    return (this.#random() >>> 0) * 2 ** 16 + ((this.#random() >>> 0) % 2 ** 16)
  }

  /** `count` different others at random, for retries. */
  someOthers(count: number): Authority[] {
    const pool = [...this.others]
    for (let i = 0; i < Math.min(count, pool.length); i++) {
      const other = i + (this.#random() % (pool.length - i))
      const swapped = pool[i]!
      pool[i] = pool[other]!
      pool[other] = swapped
    }
    return pool.slice(0, count)
  }
}
