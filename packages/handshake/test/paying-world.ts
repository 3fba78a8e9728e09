/** One node with its books, the real ones, and the sessions of its clients (session-run.ts); a clock that the test turns. */
import { type EpochRules, TICK_BYTES } from '@selvedge/delivery-acknowledgement'
import { type AckStore, type Books, type ChainRecord, createBooks } from '@selvedge/delivery-acknowledgement/node'
import { JoinableSessions } from '../src/joinable-sessions.ts'
import { ResumableSessions } from '../src/resumable-sessions.ts'
import { createTokenMint } from '../src/token-mint.node.ts'
import { CHAIN, NODE } from './cores.ts'
import type { Random } from './random.ts'
import { SessionRun } from './session-run.ts'

export type { SessionRun }

const FIRST_EPOCH = 5n
const PRICES = { priceVersion: 3, bytePrice: 10_000_000n, cpuPrice: 0n } // 10 µUSD a byte: a wrong byte is seen
const NODE_INDEX = 2
/** The least that the ledger allows: acknowledgements of an epoch are waited for one second. */
const EPOCH_MS = 12_000
const GRACE_MS = 1_000
function createMemoryStore(): AckStore {
  const epochs = new Map<bigint, Map<string, ChainRecord>>()
  let nonces = 0n
  return {
    nextNonceBlock: () => (nonces += 65_536n) - 65_536n,
    put(record) {
      const { epoch, sessionId, serviceId } = record.evidence.acknowledgement
      const chains = epochs.get(epoch) ?? new Map<string, ChainRecord>()
      epochs.set(epoch, chains.set(`${sessionId} ${serviceId}`, record))
    },
    flush: () => Promise.resolve(),
    all: (epoch) => [...(epochs.get(epoch)?.values() ?? [])],
    forget: (epoch) => Promise.resolve(void epochs.delete(epoch)),
    stop: () => Promise.resolve(),
  }
}

export class World {
  readonly random: Random
  readonly books: Books
  readonly sessions: SessionRun[] = []
  readonly joinable: JoinableSessions = new JoinableSessions(
    createTokenMint({ nowSeconds: () => 0, randomBytes: (count) => new Uint8Array(count) }),
  )
  readonly resumable: ResumableSessions = new ResumableSessions({ suspendedMax: 1_000, suspendedPerAddressMax: 1_000 })
  /** Clients say ticks between their acknowledgements. */
  readonly hasTicks: boolean
  /** A client that comes back, and its node, take their time to say where they are. */
  readonly returnsSlowly: boolean
  nowMs = 0
  epoch: bigint = FIRST_EPOCH
  #changedMs = 0
  #count = 0

  constructor(random: Random, hasTicks = false, returnsSlowly = false) {
    this.random = random
    this.hasTicks = hasTicks
    this.returnsSlowly = returnsSlowly
    this.books = createBooks(
      {
        rules: (epoch): EpochRules => ({
          chainId: CHAIN,
          epoch,
          nodeIndex: NODE_INDEX,
          nodeKey: NODE.publicKey,
          prices: PRICES,
          multiplePpmOf: (serviceId) => (serviceId < 2 ? 1_000_000 : undefined),
          clientOf: (account) => ({ clientIndex: account[0]!, minNonce: 1n }),
        }),
        means: (account) => ({ clientIndex: account[0]!, free: 2n ** 60n, epochCap: 2n ** 60n, minNonce: 1n, reserve: 0n, creditors: 0 }),
        store: createMemoryStore(),
        nowMs: () => this.nowMs,
        rand: () => this.rand(),
      },
      { chainId: CHAIN, nodeKey: NODE.publicKey, nodeIndex: NODE_INDEX, epochMs: EPOCH_MS },
    )
    this.#begin()
  }

  rand(): Uint8Array {
    const out = new Uint8Array(16)
    new DataView(out.buffer).setUint32(0, ++this.#count)
    return out
  }

  /** Epochs are longer than the grace of the one before. */
  changeEpoch(): void {
    if (this.nowMs - this.#changedMs <= GRACE_MS) return
    this.#changedMs = this.nowMs
    this.epoch++
    this.#begin()
  }

  open(client: number): void {
    this.sessions.push(new SessionRun(this, client))
  }

  /** What the node will claim for all epochs so far, when the grace of the last one is over. */
  async claimable(): Promise<{ readonly bytes: bigint; readonly microUsd: bigint }> {
    this.nowMs += EPOCH_MS
    this.changeEpoch()
    this.nowMs += EPOCH_MS
    const sum = { bytes: 0n, microUsd: 0n }
    for (let epoch = FIRST_EPOCH; epoch < this.epoch; epoch++) {
      let taken = this.books.takeEpoch(epoch)
      while (taken === undefined) {
        await Promise.resolve()
        taken = this.books.takeEpoch(epoch)
      }
      for (const { evidence, leaf } of taken) {
        sum.bytes += evidence.acknowledgement.cumBytes + TICK_BYTES * BigInt(evidence.tick.index)
        sum.microUsd += leaf.amount
      }
    }
    return sum
  }

  #begin(): void {
    const services = [0, 1].map((serviceId) => ({ serviceId, multiplePpm: 1_000_000 }))
    this.books.changeEpoch({ epoch: this.epoch, priceVersion: PRICES.priceVersion, price: { ...PRICES, fromEpoch: FIRST_EPOCH, services } })
  }
}
