/**
 * Verdicts between the threads that reach them and the blocks that need them. They are kept by the leaf of the transaction's bytes, so
 * whoever brought a transaction, and in whatever batch, it is looked at once; a block takes its own out. What is missing when a block comes
 * (it was fetched, replayed, or pushed out) is asked for in one go before the block runs.
 *
 * A verdict decides nothing that execution would not decide alike without it: it is what the same function says in another thread.
 */
import { NODE_TRANSACTION_TYPE } from '@selvedge/ledger-types'
import { keyTextOf } from '../state/key-text.ts'
import type { BlockItem, Verdict } from './block-contract.ts'
import { leafOf } from './block-run.ts'
import { leafOfRecord, VERDICT_BYTES, VERDICT_KINDS, verdictOf } from './verdict.ts'

/** Threads that run `judgeTransaction`. `createTransactionWorkers` of `@selvedge/consensus` fits. */
export interface VerdictJudge {
  /** Records of `VERDICT_BYTES`, end to end. @param options.hints - node keys, empty where none is known. */
  judge(
    transactions: readonly Uint8Array[],
    options: { readonly urgency: 'block' | 'peer' | 'client'; readonly hints: readonly Uint8Array[]; readonly signal?: AbortSignal },
  ): Promise<Uint8Array>
}

export interface VerdictsComponents {
  readonly judge: VerdictJudge
  /** The registry's key of a node; `undefined` while there is no such node. A node never changes it. */
  readonly nodeKeyOf: (nodeIndex: number) => Uint8Array | undefined
}

export interface VerdictsOptions {
  /** Verdicts that wait for their block; beyond it the oldest are forgotten, and asked for again with their block. @default 65,536 */
  readonly entriesMax?: number
}

export interface Verdicts {
  /**
   * Whether each transaction may go into a batch (`client`), or is let through in another member's (`peer`): of that only what is bad
   * whatever the state is refused, since members need not have the same state when they look.
   */
  verify(transactions: readonly Uint8Array[], from: 'client' | 'peer'): Promise<boolean[]>
  /** What a thread finds of one transaction that a client brings. It waits for its block too. */
  judge(transaction: Uint8Array): Promise<Verdict | undefined>
  /** The items of a block with a verdict for each transaction. @throws the reason of `signal`; what `judge` rejects with. */
  withVerdicts(items: readonly BlockItem[], options?: { readonly signal?: AbortSignal }): Promise<BlockItem[]>
  /** Verdicts that wait for their block. */
  readonly size: number
}

interface Missing {
  readonly bytes: Uint8Array
  readonly put: (verdict: Verdict | undefined) => void
}

const NO_KEY = new Uint8Array(0)
/** `0x00 · version u8 · chainId u32 · nodeIndex u32 · …` */
const NODE_INDEX_OFFSET = 6

export function createVerdicts({ judge, nodeKeyOf }: VerdictsComponents, { entriesMax = 65_536 }: VerdictsOptions = {}): Verdicts {
  const held = new Map<string, Uint8Array>()

  const ask = async (transactions: readonly Uint8Array[], urgency: 'block' | 'peer' | 'client', signal?: AbortSignal) => {
    const options = { urgency, hints: transactions.map((bytes) => hintOf(bytes, nodeKeyOf)), ...(signal === undefined ? {} : { signal }) }
    const records = await judge.judge(transactions, options)
    return transactions.map((_, i) => records.subarray(i * VERDICT_BYTES, (i + 1) * VERDICT_BYTES))
  }
  const keep = (record: Uint8Array): void => {
    if (record[0] === VERDICT_KINDS.unknown) return
    const key = keyTextOf(leafOfRecord(record))
    held.delete(key) // it goes to the end of the line
    held.set(key, record)
    if (held.size > entriesMax) held.delete(held.keys().next().value as string)
  }
  const take = (bytes: Uint8Array): Verdict | undefined => {
    const key = keyTextOf(leafOf(bytes))
    const record = held.get(key)
    if (record === undefined) return undefined
    held.delete(key)
    return verdictOf(record)
  }
  /** Records in order, those that wait already as they are: a wallet's transaction is looked at once, at the door. */
  const recordsOf = async (transactions: readonly Uint8Array[], urgency: 'peer' | 'client'): Promise<Uint8Array[]> => {
    const records = transactions.map((bytes) => held.get(keyTextOf(leafOf(bytes))))
    const missing = transactions.filter((_, i) => records[i] === undefined)
    const found = missing.length === 0 ? [] : await ask(missing, urgency)
    found.forEach(keep)
    return records.map((record) => record ?? (found.shift() as Uint8Array))
  }

  return {
    async verify(transactions, from) {
      const records = await recordsOf(transactions, from)
      return records.map(([kind]) => {
        if (from === 'peer') return kind !== VERDICT_KINDS.bad
        return kind === VERDICT_KINDS.account || kind === VERDICT_KINDS.node
      })
    },
    async judge(transaction) {
      const [record] = await recordsOf([transaction], 'client')
      return record === undefined ? undefined : verdictOf(record)
    },
    async withVerdicts(items, { signal } = {}) {
      const missing: Missing[] = []
      const filled = items.map((item: BlockItem): BlockItem => {
        if (item.type === 'system') return item
        const verdicts = item.transactions.map((bytes, i) => {
          const verdict = take(bytes)
          if (verdict === undefined) missing.push({ bytes, put: (found) => void (verdicts[i] = found) })
          return verdict
        })
        return { type: item.type, author: item.author, transactions: item.transactions, verdicts }
      })
      if (missing.length === 0) return filled
      const records = await ask(
        missing.map(({ bytes }) => bytes),
        'block',
        signal,
      )
      for (const [i, record] of records.entries()) missing[i]?.put(verdictOf(record))
      return filled
    },
    get size() {
      return held.size
    },
  }
}

/** The registry's key, for what says that it is a node's. */
function hintOf(bytes: Uint8Array, nodeKeyOf: VerdictsComponents['nodeKeyOf']): Uint8Array {
  if (bytes[0] !== NODE_TRANSACTION_TYPE || bytes.length < NODE_INDEX_OFFSET + 4) return NO_KEY
  const nodeIndex = new DataView(bytes.buffer, bytes.byteOffset).getUint32(NODE_INDEX_OFFSET, true)
  return nodeKeyOf(nodeIndex) ?? NO_KEY
}
