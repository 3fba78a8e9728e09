/**
 * What a node holds an acknowledgement against before it looks at a signature: the chain that it continues. Cheap, and total: nothing here
 * throws, whatever was signed.
 */
import type { AcknowledgementFields } from './acknowledgement.ts'
import { contentAfter } from './content-chain.ts'
import type { Stretch } from './payer-chain.ts'
import { isEqualBytes } from './wire.ts'

/** One chain (session, epoch, service) as far as it was acknowledged. */
export interface ChainState {
  readonly seq: number
  readonly cumBytes: bigint
  readonly cumCpuMicros: bigint
  readonly contentRoot: Uint8Array
  readonly isFinal: boolean
}

export type ChainFault =
  | 'final' // nothing follows a chain that was said to have ended
  | 'seq' // not above the last: an old one, or the same again
  | 'lanes' // no lane moved, and it does not end the chain
  | 'bytes' // another sum than the lanes'
  | 'ticks' // fewer bytes than ticks have said since the last one
  | 'cpu' // less time than before, or more than was metered
  | 'content' // of other requests, answers or stretches

/**
 * The chain after `acknowledgement`, which names `stretches` in their order, or what is wrong with it.
 * @param tickedBytes - what ticks have said since the last one: now it is signed for, with the lanes that it was on.
 */
export function stepChain(
  chain: ChainState,
  acknowledgement: AcknowledgementFields,
  stretches: readonly Stretch[],
  meteredMicros: bigint,
  tickedBytes: bigint,
): ChainState | ChainFault {
  const { seq, cumBytes, cumCpuMicros, contentRoot, isFinal } = acknowledgement
  if (chain.isFinal) return 'final'
  if (seq <= chain.seq) return 'seq'
  if (stretches.length === 0 && !(isFinal && chain.seq > 0)) return 'lanes'
  if (cumBytes !== stretches.reduce((sum, { from, to }) => sum + to - from, chain.cumBytes)) return 'bytes'
  if (cumBytes < chain.cumBytes + tickedBytes) return 'ticks'
  if (cumCpuMicros < chain.cumCpuMicros || cumCpuMicros > meteredMicros) return 'cpu'
  const expected = stretches.reduce((root, { digest, from, to }) => contentAfter(root, digest, from, to), chain.contentRoot)
  if (!isEqualBytes(contentRoot, expected)) return 'content'
  return { seq, cumBytes, cumCpuMicros, contentRoot, isFinal }
}
