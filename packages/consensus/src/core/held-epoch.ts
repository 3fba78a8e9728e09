/**
 * One epoch that has a core, and what its chain (epochs.ts) keeps beside it: who its members are by key, what the executor was given and
 * has not reported, who closed it, and what the epoch before left to be ordered here.
 *
 * Where a closed epoch ended is not written down anywhere: it is the sub-DAG that the epoch after names as its previous.
 */
import { decodeSignedBlock } from '../wire/block.ts'
import { compareBytes, toHex } from '../wire/bytes.ts'
import { createCommittee, type Committee } from '../wire/committee.ts'
import { subDagDigest } from '../wire/sub-dag.ts'
import type { Authority, Digest } from '../wire/types.ts'
import { type Carried, readCarried } from './carried.ts'
import { createCertifiedCore } from './certified-core.ts'
import type { Core, CoreOptions, EpochSetup, StoreView } from './contract.ts'
import type { EpochsComponents, PeerKey } from './epochs-contract.ts'
import { underwayTransactions } from './own-batches.ts'
import { readSubDagRecord, readSubDagState } from './sub-dag-record.ts'
import { createUncertifiedCore } from './uncertified.ts'

export interface HeldEpoch {
  readonly setup: EpochSetup
  readonly committee: Committee
  readonly core: Core
  /** By authority. */
  readonly keys: readonly PeerKey[]
  readonly places: ReadonlyMap<PeerKey, Authority>
  /** Sub-DAGs that the executor has been given and not reported. */
  readonly emitted: Map<number, { readonly subDagDigest: Digest; readonly timestampMs: number }>
  /** Who said that it closed this epoch. */
  readonly closedBy: Set<Authority>
  /** `undefined` until this epoch has taken over what the one before owes. */
  carried: Carried | undefined
  /** A crash lost how far that had come, and not the batches that say so. */
  readonly isCarriedRecordBehind: boolean
  timerAtMs: number
}

/** @param parameters - of the epoch itself; without them `options` says. */
export function holdEpoch(
  { crypto, random, storeOf }: EpochsComponents,
  setup: EpochSetup,
  parameters: CoreOptions['parameters'],
  options: CoreOptions,
): HeldEpoch {
  const committee = createCommittee(setup.committee)
  const store = storeOf(setup.epoch)
  const { parameters: _, ...rest } = options
  const create = setup.mode === 'certified' ? createCertifiedCore : createUncertifiedCore
  const keys = committee.members.map(({ key }) => toHex(key))
  const restarted = readCarried(store, storedTransactions(store, setup))
  return {
    setup,
    committee,
    core: create({ crypto, random, store }, setup, parameters === undefined ? rest : { ...rest, parameters }),
    keys,
    places: new Map(keys.map((key, authority) => [key, authority])),
    emitted: new Map(),
    closedBy: new Set(),
    carried: restarted?.carried,
    isCarriedRecordBehind: restarted?.isRecordBehind ?? false,
    timerAtMs: Number.POSITIVE_INFINITY,
  }
}

/** Of own batches that wait for their execution, or own blocks of the epoch. */
function* storedTransactions(store: StoreView, { mode, self }: EpochSetup): Generator<Uint8Array> {
  if (mode === 'certified') return yield* underwayTransactions(store)
  for (const record of store.entries('block')) {
    if (record.author === self) yield* decodeSignedBlock(record.bytes).block.transactions
  }
}

/** `closed` with the index of the sub-DAG that closed it: the one that the epoch after, if it is `current`, names as its previous. */
export function endedSetup(closed: EpochSetup, { epoch, previous }: EpochSetup, store: StoreView): EpochSetup {
  const { lastIndex } = readSubDagState(store, 0)
  for (let index = lastIndex; index > 0 && closed.epoch + 1 === epoch; index--) {
    const subDag = readSubDagRecord(store, index)?.subDag
    if (subDag === undefined || compareBytes(subDagDigest(closed.chainId, subDag), previous.subDagDigest) !== 0) continue
    return { ...closed, lastApplied: index }
  }
  return { ...closed, lastApplied: lastIndex }
}
