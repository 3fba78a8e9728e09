/**
 * Which nodes a client goes to first: near ones that serve well. How near is measured, by the time that a session takes to be made; how well is
 * the ledger's score, as the discovery document says it.
 */
import { abortingAfter } from '../aborting-after.ts'
import type { NodeAddress } from '../address.ts'
import { connectToNode } from '../connect.ts'
import { ClientError } from '../errors.ts'
import type { Connect } from '../ports.ts'
import { SCORE_MAX } from './document.ts'

export interface ScoredNode extends NodeAddress {
  /** Its place in the node registry. */
  readonly nodeIndex: number
  /** In millionths, at most 100,000,000. */
  readonly score: number
}

export interface RankedNode extends ScoredNode {
  /** What it took to make a session; undefined: it was not tried, or could not be reached. */
  readonly latencyMs: number | undefined
}

export interface RankOptions {
  readonly chainId: number
  /** How sessions are made; a probe is a guest's, and is closed at once. @default as of `createClient` */
  readonly connect?: Connect | undefined
  /** Nodes that are tried; if there are more, chance chooses, those of a higher score more often. @default 8 */
  readonly probesMax?: number | undefined
  /** @default 4 */
  readonly probesAtOnce?: number | undefined
  /** A node that takes longer is not reached. @default 3,000 */
  readonly probeTimeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** @default `performance.now` */
  readonly clockMs?: (() => number) | undefined
  /** 0 up to and without 1. @default `Math.random` */
  readonly random?: (() => number) | undefined
}

const PROBES_MAX = 8
const PROBES_AT_ONCE = 4
const PROBE_TIMEOUT_MS = 3_000
/** Who has less is as good as this: a new node has none yet. */
const SCORE_MIN = 10_000_000

/**
 * `nodes`, the best first: those that were reached, by `latencyMs × (100 / score)`; then those that were not tried, by score; then those that
 * could not be reached.
 * @throws {ClientError} `CLIENT_UNREACHABLE`: none of those that were tried
 * @throws the reason of `options.signal`
 */
export async function rankNodes(nodes: readonly ScoredNode[], options: RankOptions): Promise<readonly RankedNode[]> {
  const { probesMax = PROBES_MAX, probesAtOnce = PROBES_AT_ONCE, random = Math.random, signal } = options
  const drawn = drawnOf(nodes, probesMax, random)
  const waiting = [...drawn]
  const reached: RankedNode[] = []
  let failure: unknown
  const probe = async (): Promise<void> => {
    for (let node = waiting.shift(); node !== undefined; node = waiting.shift()) {
      signal?.throwIfAborted()
      try {
        reached.push({ ...node, latencyMs: await latencyOf(node, options) })
      } catch (error) {
        failure = error
      }
    }
  }
  await Promise.all(Array.from({ length: Math.max(1, probesAtOnce) }, probe))
  signal?.throwIfAborted()
  if (reached.length === 0)
    throw new ClientError(
      'CLIENT_UNREACHABLE',
      `none of ${drawn.length} nodes could be reached`,
      { tried: drawn.length },
      { cause: failure },
    )
  const rest = (isTried: boolean): RankedNode[] =>
    nodes
      .filter((node) => drawn.includes(node) === isTried && !reached.some(({ nodeIndex }) => nodeIndex === node.nodeIndex))
      .toSorted((a, b) => b.score - a.score)
      .map((node) => ({ ...node, latencyMs: undefined }))
  return [...reached.toSorted((a, b) => costOf(a) - costOf(b)), ...rest(false), ...rest(true)]
}

function costOf({ latencyMs = Number.POSITIVE_INFINITY, score }: RankedNode): number {
  return (latencyMs * SCORE_MAX) / weightOf(score)
}

const weightOf = (score: number): number => Math.max(SCORE_MIN, score)

/** `count` of them, each drawn by its score from those that are left: so that not all clients begin at the same few. */
function drawnOf(nodes: readonly ScoredNode[], count: number, random: () => number): readonly ScoredNode[] {
  if (nodes.length <= count) return nodes
  const left = [...nodes]
  return Array.from({ length: count }, () => {
    let mark = random() * left.reduce((sum, { score }) => sum + weightOf(score), 0)
    const place = left.findIndex(({ score }) => (mark -= weightOf(score)) < 0)
    return left.splice(place === -1 ? left.length - 1 : place, 1)[0]!
  })
}

async function latencyOf(node: ScoredNode, options: RankOptions): Promise<number> {
  const { connect = connectToNode, chainId, probeTimeoutMs = PROBE_TIMEOUT_MS, clockMs = () => performance.now(), signal } = options
  const { host, port, nodeKey, websocket } = node
  return await abortingAfter(probeTimeoutMs, signal, async (within) => {
    const startedMs = clockMs()
    const session = await connect({ host, port, nodeKey, chainId, signal: within, ...(websocket === undefined ? {} : { websocket }) })
    const latencyMs = clockMs() - startedMs
    await session.close()
    return latencyMs
  })
}
