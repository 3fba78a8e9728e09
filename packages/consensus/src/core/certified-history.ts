/**
 * What a restart reads of the epoch so far (2.11): which sub-DAGs are stored, what the executor has seen of them, and what this node has
 * signed. Linear in the epoch's certificates; batches are not read.
 */
import { toHex } from '../wire/bytes.ts'
import { decodeCertificate } from '../wire/certificate.ts'
import { decodeSignedHeader } from '../wire/header.ts'
import type { SignedHeader } from '../wire/types.ts'
import type { CoreContext } from './context.ts'
import type { OrderedItem } from './contract.ts'
import { itemsOfHeader } from './certified-vertex.ts'
import type { OrderedOnce } from './ordered-once.ts'
import { readSubDagRecord } from './sub-dag-record.ts'

export interface CertifiedHistory {
  /** Rounds of own headers that stored sub-DAGs order. */
  readonly orderedOwnRounds: ReadonlySet<number>
  /** Batches of the last executed sub-DAG and of those stored after it, with their index: they are ordered and will not be again. */
  readonly orderedBatches: readonly { readonly key: string; readonly index: number }[]
  /** Own headers of all rounds, ascending. */
  readonly proposed: readonly SignedHeader[]
}

/** @param recorded - index of the last sub-DAG stored. What was executed is told to `once`. */
export function readCertifiedHistory(context: CoreContext, once: OrderedOnce, recorded: number): CertifiedHistory {
  const { store, committee, self, setup } = context
  const orderedOwnRounds = new Set<number>()
  const orderedBatches: { key: string; index: number }[] = []
  const lastItems: OrderedItem[] = []
  for (let index = 1; index <= recorded; index++) {
    const record = readSubDagRecord(store, index)
    for (const digest of record?.subDag.vertices ?? []) {
      const bytes = store.get('certificate', toHex(digest))
      if (bytes === undefined) continue
      const { header } = decodeCertificate(bytes, committee.size)
      if (header.author === self) orderedOwnRounds.add(header.round)
      if (index < setup.lastApplied) {
        once.replay(header)
        continue
      }
      if (index === setup.lastApplied) lastItems.push(...itemsOfHeader(header))
      for (const entry of header.payload) orderedBatches.push({ key: toHex(entry.digest), index })
    }
  }
  once.take(setup.lastApplied, lastItems)
  const proposed: SignedHeader[] = []
  for (const { round, bytes } of store.entries('proposed')) if (round !== undefined) proposed.push(decodeSignedHeader(bytes))
  return { orderedOwnRounds, orderedBatches, proposed: proposed.toSorted((a, b) => a.header.round - b.header.round) }
}
