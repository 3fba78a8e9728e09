/** The ledger as the RPC server reads it. */
import { parameters, type Application, type BlockRecord } from '@selvedge/application'
import { CODES, decodeCheckpoint, decodeReceipt, isSameBytes, PARAMETERS, ZERO_DIGEST } from '@selvedge/ledger-types'
import type { BlockView, LedgerView, StateView } from '@selvedge/rpc'
import type { LedgerVerdicts } from './verdicts.ts'

export interface LedgerRpcView extends LedgerView {
  /** To be called after each block. */
  tell(): void
}

/** @param judge - looks at a signature in another thread; without it a wallet's is checked in this one. */
export function createRpcView(application: Application, genesisTimeMs: number, judge?: LedgerVerdicts['judge']): LedgerRpcView {
  const { history } = application
  const listeners = new Set<() => void>()
  const { chainId, genesisHash } = application.view()

  function header(height: number): BlockView | undefined {
    if (height === 0) return genesisView()
    const record = height < history.oldest() ? undefined : history.recordOf(height)
    return record === undefined ? undefined : blockViewOf(record)
  }

  let genesisRoot: Uint8Array | undefined

  function genesisView(): BlockView {
    if (application.isArchive) genesisRoot ??= application.stateAt(0)?.stateRoot() // zero of all others: they keep it for an epoch at most, and a block is one for ever
    const nothing = { epoch: 0, gasUsed: 0, txRoot: ZERO_DIGEST, receiptsRoot: ZERO_DIGEST, stateRoot: genesisRoot ?? ZERO_DIGEST }
    const baseFee = BigInt(PARAMETERS.baseFeeMin.min)
    return { ...nothing, height: 0, digest: genesisHash, previousDigest: ZERO_DIGEST, timestampMs: genesisTimeMs, baseFee }
  }

  /** Right after a snapshot was taken over: the state of a block is here, the block is not (`header` says so), and what nobody knows is zero. */
  function headTakenOver(): BlockView {
    const { height, blockDigest: digest, epoch, timestampMs, stateRoot, baseFee } = application.lastApplied()
    const unknown = { gasUsed: 0, previousDigest: ZERO_DIGEST, txRoot: ZERO_DIGEST, receiptsRoot: ZERO_DIGEST }
    return { ...unknown, height, digest, epoch, timestampMs, stateRoot, baseFee }
  }

  const latest: StateView = {
    nonce: (address) => application.account(address).nonce,
    balance: (address, token) => application.balance(address, token),
    read: (table, key) => application.read(table, key),
    stateRoot: () => application.lastApplied().stateRoot,
    prove: (table, key) => application.prove(table, key).proof,
    simulate: (call) => application.simulate(call),
  }

  return {
    chainId,
    genesisHash,
    head: () => header(application.lastApplied().height) ?? headTakenOver(),
    oldestHeight: () => (history.oldest() === 1 ? 0 : history.oldest()), // genesis has nothing that could be missing
    header,
    body(height) {
      if (height === 0) return { transactions: [], receipts: [] }
      if (history.recordOf(height) === undefined) return undefined
      return { transactions: history.transactionsOf(height), receipts: history.receiptsOf(height).map((bytes) => decodeReceipt(bytes)) }
    },
    heightOf: (digest) => (isSameBytes(digest, genesisHash) ? 0 : history.heightOf(digest)),
    locate: (id) => history.placeOf(id),
    state: (height) => (height === application.lastApplied().height ? latest : pastStateOf(application, height)),
    statesHeld: () => application.statesHeld(),
    epochEnd: () => application.lastApplied().start.height,
    nextBaseFee: () => application.lastApplied().baseFee,
    gasTargetPerSecond: () => Number(application.state.get(parameters, PARAMETERS.gasTargetPerSecond.id)?.value ?? 0n),
    checkAdmission: async (bytes) => application.checkAdmission(bytes, await judge?.(bytes)),
    events: (from, limit) => history.eventsFrom(from, limit),
    oldestSeq: () => history.recordOf(history.oldest())?.firstEvent ?? 0,
    nextSeq: () => application.lastApplied().nextEvent,
    certificate: (height) => application.certificateOf(height),
    epochProof: (epoch) => application.epochProof(epoch),
    membership: () => application.view(),
    onBlock(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    tell() {
      for (const listener of listeners) listener()
    },
  }
}

/** The state after an earlier block, where this node keeps it. A call that is no view would have to be executed, which only the head's can be. */
function pastStateOf(application: Application, height: number): StateView | undefined {
  const state = application.stateAt(height)
  if (state === undefined) return undefined
  return {
    nonce: (address) => state.account(address).nonce,
    balance: (address, token) => state.balance(address, token),
    read: (table, key) => state.read(table, key),
    stateRoot: () => state.stateRoot(),
    prove: (table, key) => state.prove(table, key),
    simulate(call) {
      const output = state.view(call)
      return output === undefined ? { code: CODES.notSupported, output: new Uint8Array(0) } : { code: CODES.ok, output }
    },
  }
}

function blockViewOf({ checkpoint, previousDigest, baseFee, gasUsed }: BlockRecord): BlockView {
  const { height, blockDigest, epoch, timestampMs, stateRoot, txRoot, receiptsRoot } = decodeCheckpoint(checkpoint)
  return { height, digest: blockDigest, previousDigest, epoch, timestampMs, baseFee, gasUsed, stateRoot, txRoot, receiptsRoot }
}
