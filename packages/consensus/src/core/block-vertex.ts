/** What a stored block is to the order and to execution. */
import { toHex } from '../wire/bytes.ts'
import { decodeSignedBlock } from '../wire/block.ts'
import type { Vertex } from '../dag/contract.ts'
import type { Authority, Block, Digest } from '../wire/types.ts'
import type { OrderedItem, StoreView } from './contract.ts'

export function vertexOfBlock(block: Block, digest: Digest, key: string): Vertex {
  const { round, author, createdAtMs } = block
  const parents = block.ancestors.map((ancestor) => ({ round: ancestor.round, author: ancestor.author, key: toHex(ancestor.digest) }))
  return { round, author, digest, key, createdAtMs, parents }
}

/** System transactions first, each by itself; then the block, when it has transactions. */
export function itemsOfBlock(
  { author, digest }: { readonly author: Authority; readonly digest: Digest },
  systemTransactions: readonly Uint8Array[],
  hasTransactions: boolean,
): OrderedItem[] {
  const items: OrderedItem[] = systemTransactions.map((bytes) => ({ type: 'system', author, bytes }))
  if (hasTransactions) items.push({ type: 'block', author, digest })
  return items
}

/** `undefined` while its record is not there. */
export function readBlock(store: StoreView, key: string): Block | undefined {
  const bytes = store.get('block', key)
  return bytes === undefined ? undefined : decodeSignedBlock(bytes).block
}

/** What commits need of an accepted block beside its vertex. */
export interface BlockContent {
  readonly hasTransactions: boolean
  readonly systemTransactions: readonly Uint8Array[]
  /** Of the whole encoded block. */
  readonly size: number
}

/** Copied: a view would hold the whole block's bytes until it is committed. */
export function contentOf({ transactions, systemTransactions }: Block, size: number): BlockContent {
  return { hasTransactions: transactions.length > 0, systemTransactions: systemTransactions.map((each) => each.slice()), size }
}
