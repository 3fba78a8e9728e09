/**
 * What the ledger has and Ethereum's methods cannot say: every transaction and receipt, certificates and proofs that make an answer
 * checkable without trust in this node, and events by a cursor that never leaves a gap. Values stand as `json-value.ts` says.
 */
import {
  CODE_WORDS,
  decodeTransaction,
  encodeReceipt,
  encodeTreeProof,
  EVENTS,
  type EventKind,
  eventKindOf,
  leafHash,
  proveLeaf,
} from '@selvedge/ledger-types'
import type { Context, Methods } from './context.ts'
import { RpcError } from './errors.ts'
import { type Chain, notKept, RECEIPTS_A_COST } from './eth/chain.ts'
import { unsubscribe } from './eth/logs.ts'
import { hexOf } from './hex.ts'
import { AGAIN, type Caller, type Feed, LATER, tooMany } from './json-rpc.ts'
import { jsonValueOf } from './json-value.ts'
import { certificateAt, nodeInfoOf } from './node-pages.ts'
import { Params } from './params.ts'
import type { LedgerView, NumberedEvent } from './ports.ts'
import { Turns } from './turns.ts'

/** Events in one answer of `selvedge_events`, and read from the ledger at a time. */
export const EVENTS_MAX = 1_000
const TABLE_MAX = 255
/** No key of the state is longer. */
const KEY_BYTES_MAX = 256
/** What a proof against an old root costs its caller, beside what every proof does: its tree is made anew. */
const OLD_PROOF_COST = 45
/** Proofs against old roots that wait for their turn; one is made at a time. */
const OLD_PROOFS_WAITING_MAX = 16
const HEIGHT_MAX = Number.MAX_SAFE_INTEGER
/** Proofs of epochs in one answer: some 10 kB each where a committee has a hundred seats. */
export const EPOCH_PROOFS_MAX = 16
const EPOCH_MAX = 2 ** 32 - 1

export function selvedgeMethods(context: Context): Methods {
  return { ...nodeMethods(context), ...recordMethods(context), ...eventMethods(context) }
}

function nodeMethods({ ledger, chain, node, clientVersion, mempool }: Context): Methods {
  const turns = new Turns(1, OLD_PROOFS_WAITING_MAX)
  return {
    selvedge_nodeInfo: {
      cost: 1,
      run(values) {
        new Params(values, 0)
        return { ...nodeInfoOf(ledger, node, clientVersion), pool: mempool.size }
      },
    },
    selvedge_membership: {
      cost: 10,
      run(values) {
        new Params(values, 0)
        return jsonValueOf(ledger.membership())
      },
    },
    selvedge_certificate: {
      cost: 2,
      run(values) {
        const params = new Params(values, 1)
        const isNewest = (params.value(0) ?? 'latest') === 'latest'
        return certificateAt(ledger, isNewest ? 'latest' : heightIn(ledger, params, 0)) ?? null
      },
    },
    selvedge_epochProofs: {
      cost: 5,
      run(values) {
        const params = new Params(values, 2)
        const from = params.integer(0, EPOCH_MAX)
        const count = params.integer(1, EPOCH_PROOFS_MAX, EPOCH_PROOFS_MAX)
        const proofs: string[] = []
        for (let epoch = from; epoch < from + count; epoch++) {
          const proof = ledger.epochProof(epoch)
          if (proof === undefined) break
          proofs.push(hexOf(proof))
        }
        return proofs
      },
    },
    selvedge_proof: {
      cost: 5,
      run(values, { take }) {
        const params = new Params(values, 3)
        const table = params.integer(0, TABLE_MAX)
        const key = params.bytes(1)
        if (key.length > KEY_BYTES_MAX) throw new RpcError('RPC_INVALID_PARAMS', `parameter 1 must be at most ${KEY_BYTES_MAX} bytes`)
        const height = heightIn(ledger, params, 2)
        if (height >= ledger.head().height) return proofAt(chain, height, table, key)
        if (!take(OLD_PROOF_COST)) throw tooMany()
        return turns.run(async () => {
          await new Promise(setImmediate) // between two of them everybody else has a turn
          return proofAt(chain, height, table, key)
        })
      },
    },
  }
}

/** A height, `latest` (also where it is left out) or `epochEnd`. @throws {RpcError} `RPC_INVALID_PARAMS`. */
function heightIn(ledger: LedgerView, params: Params, index: number): number {
  const name = params.value(index) ?? 'latest'
  if (name === 'latest') return ledger.head().height
  return name === 'epochEnd' ? ledger.epochEnd() : params.integer(index, HEIGHT_MAX)
}

/** The block itself need not be kept. @throws {RpcError} `RPC_NOT_ARCHIVE`, `RPC_REFUSED` for a block that is not there yet. */
function proofAt(chain: Chain, height: number, table: number, key: Uint8Array): unknown {
  if (height > chain.ledger.head().height) throw new RpcError('RPC_REFUSED', 'header not found')
  const state = chain.stateAt(height)
  return jsonValueOf({ height, stateRoot: state.stateRoot(), value: state.read(table, key) ?? null, proof: state.prove(table, key) })
}

function recordMethods({ ledger, chain, mempool }: Context): Methods {
  const find = (id: Uint8Array): { height: number; index: number } | undefined => ledger.locate(id)
  return {
    selvedge_sendTransaction: {
      cost: 5,
      async run(values) {
        return hexOf(await mempool.send(new Params(values, 1).bytes(0)))
      },
    },
    selvedge_getTransaction: {
      cost: 1,
      run(values, caller) {
        const place = find(new Params(values, 1).bytes(0, 32))
        if (place === undefined) return null
        const { transactions } = chain.block(place.height, caller).body
        const bytes = transactions[place.index] ?? notKept()
        const decoded = decodeTransaction(bytes)
        const fields = decoded.ok ? decoded.transaction : { form: 'system' }
        return jsonValueOf({ ...place, bytes, ...fields })
      },
    },
    selvedge_getReceipt: {
      cost: 1,
      run(values, caller) {
        const place = find(new Params(values, 1).bytes(0, 32))
        if (place === undefined) return null
        const { receipts } = chain.block(place.height, caller).body
        const receipt = receipts[place.index] ?? notKept()
        const { height } = place
        const events = receipt.events.map((event, i) => eventObject({ seq: receipt.firstEvent + i, height, event }))
        return { ...(jsonValueOf({ height, ...receipt }) as object), words: CODE_WORDS[receipt.code], events }
      },
    },
    selvedge_receiptProof: {
      cost: 20,
      run(values, caller) {
        const place = find(new Params(values, 1).bytes(0, 32))
        if (place === undefined) return null
        const receipts = chain.block(place.height, caller).body.receipts.map(encodeReceipt)
        caller.owe?.(Math.floor(receipts.length / RECEIPTS_A_COST)) // each is encoded and hashed again
        const proof = encodeTreeProof(proveLeaf(receipts.map(leafHash), place.index))
        const receiptsRoot = (ledger.header(place.height) ?? notKept()).receiptsRoot
        return jsonValueOf({ height: place.height, receiptsRoot, receipt: receipts[place.index], proof })
      },
    },
  }
}

function eventMethods({ ledger }: Context): Methods {
  return {
    selvedge_events: {
      cost: 5,
      run(values) {
        const params = new Params(values, 3)
        const kinds = kindsOf(params.value(0))
        const from = cursorOf(ledger, params, 1)
        const limit = params.integer(2, EVENTS_MAX, EVENTS_MAX)
        const found = ledger.events(from, limit)
        const events = found.events.filter(({ event }) => kinds.has(event.kind)).map(eventObject)
        return { events, nextSeq: found.next }
      },
    },
    selvedge_subscribe: {
      cost: 5,
      run(values, caller) {
        const { subscriptions } = caller
        const params = new Params(values, 2)
        const kinds = kindsOf(params.value(0))
        const from = cursorOf(ledger, params, 1)
        if (subscriptions === undefined) throw new RpcError('RPC_METHOD_NOT_FOUND', 'notifications not supported: ask by WebSocket')
        return subscriptions.add(eventFeed(ledger, kinds, from, caller))
      },
    },
    selvedge_unsubscribe: { cost: 1, run: (values, caller) => unsubscribe(values, caller) },
  }
}

const eventObject = ({ seq, height, event }: NumberedEvent): unknown => ({ seq, height, ...(jsonValueOf(event) as object) })

/** By name or number; all of them when left out. */
function kindsOf(value: unknown): ReadonlySet<EventKind> {
  const all = Object.keys(EVENTS) as EventKind[]
  const list: unknown = value ?? all
  if (!Array.isArray(list) || list.length > all.length)
    throw new RpcError('RPC_INVALID_PARAMS', `parameter 0 must be a list of at most ${all.length} kinds`)
  return new Set(
    list.map((each): EventKind => {
      const kind = typeof each === 'number' ? eventKindOf(each) : all.find((name) => name === each)
      if (kind === undefined) throw new RpcError('RPC_INVALID_PARAMS', `kinds are ${all.join(', ')}, or their numbers`)
      return kind
    }),
  )
}

/** The next event when left out. @throws {RpcError} `RPC_NOT_ARCHIVE` with the oldest seq, `RPC_INVALID_PARAMS` beyond the next. */
function cursorOf(ledger: LedgerView, params: Params, index: number): number {
  const next = ledger.nextSeq()
  const from = params.integer(index, HEIGHT_MAX, next)
  if (from > next) throw new RpcError('RPC_INVALID_PARAMS', `the next event is ${next}, not ${from}: is this the same network?`)
  return kept(ledger, from)
}

function kept(ledger: LedgerView, from: number): number {
  const oldestSeq = ledger.oldestSeq()
  if (from < oldestSeq) throw new RpcError('RPC_NOT_ARCHIVE', 'not an archive node', { oldestSeq })
  return from
}

/** Replays from the cursor, then follows: the ledger is the queue, so a slow reader costs nothing and misses nothing. */
function eventFeed(ledger: LedgerView, kinds: ReadonlySet<EventKind>, from: number, { take, owe }: Caller): Feed {
  let seq = from
  let read: readonly NumberedEvent[] = []
  let at = 0
  return {
    notification: 'selvedge_subscription',
    next() {
      while (at < read.length) {
        const each = read[at++]
        if (each !== undefined && kinds.has(each.event.kind)) return eventObject(each)
      }
      if (seq >= ledger.nextSeq()) return undefined
      const first = kept(ledger, seq)
      if (!take(1)) return LATER
      const found = ledger.events(first, EVENTS_MAX)
      owe?.(Math.floor(found.events.length / RECEIPTS_A_COST))
      read = found.events
      seq = found.next
      at = 0
      return read.length === 0 ? undefined : AGAIN
    },
  }
}
