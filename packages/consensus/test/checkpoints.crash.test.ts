/**
 * One run for each persist and each send of a member's checkpoints (2.11), killed before and after it, both modes. Its executor is as bad as
 * can be: after the crash it first brings other bytes for every height, then the true ones. Whatever the member says of a height, now or
 * before, is one thing, and stood on its disk when it was said.
 */
import { sha256 } from '@selvedge/crypto/sha256'
import { expect, test } from 'vitest'
import { createCertifiedCore } from '../src/core/certified-core.ts'
import { createUncertifiedCore } from '../src/core/uncertified.ts'
import type { Mode } from '../src/dag/contract.ts'
import { ByteWriter, toHex } from '../src/wire/bytes.ts'
import { checkpointSigningBytes } from '../src/wire/checkpoint.ts'
import { decodeFrame, frameTypeOf } from '../src/wire/frames.ts'
import { aggregateOf, isAggregate } from './scenarios/cheap-committee.ts'
import { cheapSign } from './support/cheap-signatures.ts'
import { type Boundary, Cluster, type ClusterNode } from './support/cluster.ts'
import { expectAgreement, watch } from './support/watch.ts'

const CORE = { batchDelayMsMax: 5, idleDelayMsMax: 20, roundDelayMsMin: 5, leaderTimeoutMsMin: 40, leaderTimeoutMsMax: 80 }
const VICTIM = 1
const OTHERS = [0, 2, 3]
const HEIGHTS = 4

type Verdict = 'crash' | 'crashAfter'

interface Run {
  readonly cluster: Cluster
  /** Of the victim's checkpoints: its persists and sends. */
  boundaries: number
  /** By height: digests of what the victim said. */
  readonly said: Map<number, Set<string>>
  /** By node: heights that it has a certificate of. */
  readonly certified: readonly Set<number>[]
}

const bytesOf = (height: number, state: number): Uint8Array =>
  new ByteWriter(84).u32(1337).u64(3).u64(height).raw(new Uint8Array(64).fill(state)).finish()

const isOfCheckpoint = (boundary: Boundary): boolean => {
  if (boundary.type === 'persist') return boundary.records.some(({ kind }) => kind === 'checkpoint')
  return boundary.type === 'send' && ['checkpointSignature', 'blockCertificate'].includes(frameTypeOf(boundary.frame))
}

/** What stands outside a core does with its words about checkpoints, for one life of a node. */
function answer({ cluster, certified }: Run, { authority }: ClusterNode, boundary: Boundary, isAlive: () => boolean): void {
  const { members } = cluster.committee
  const later = (event: Parameters<Cluster['event']>[1], delayMs = 1): void =>
    cluster.after(delayMs, () => isAlive() && cluster.event(authority, event))
  if (boundary.type === 'emit') {
    const { index: height } = boundary.commit.subDag
    if (height <= HEIGHTS) later({ type: 'checkpoint', height, bytes: bytesOf(height, 1) }, 2) // behind its execution
  } else if (boundary.type === 'signCheckpoint') {
    const { height, bytes } = boundary
    later({ type: 'checkpointSigned', height, signature: cheapSign(checkpointSigningBytes(bytes), members[authority]!.blsKey, 96) })
  } else if (boundary.type === 'checkCheckpoint') {
    const { height, bytes, signers, signatures } = boundary
    const bad = signers.filter((signer, at) => !isAggregate(signatures[at]!, checkpointSigningBytes(bytes), members, [signer]))
    later({ type: 'checkpointChecked', height, bad, aggregate: bad.length > 0 ? undefined : aggregateOf(signatures) })
  } else if (boundary.type === 'checkCertificate') {
    const { height, bytes, signers, aggregate } = boundary
    later({ type: 'certificateChecked', height, isValid: isAggregate(aggregate, checkpointSigningBytes(bytes), members, signers) })
  } else if (boundary.type === 'certified') certified[authority]!.add(boundary.height)
}

function play(mode: Mode, kill?: { readonly boundary: number; readonly verdict: Verdict }): Run {
  const createCore = mode === 'certified' ? createCertifiedCore : createUncertifiedCore
  const cluster = new Cluster({ size: 4, mode, seed: 5, createCore, core: CORE })
  const run: Run = { cluster, boundaries: 0, said: new Map(), certified: cluster.nodes.map(() => new Set<number>()) }
  let boots = 0
  watch(cluster)
  const { onBoundary, onSend } = cluster
  cluster.onSend = (from, to, bytes) => {
    onSend(from, to, bytes)
    if (from !== VICTIM || frameTypeOf(bytes) !== 'checkpointSignature') return
    const frame = decodeFrame(bytes, 4)
    if (frame.type !== 'checkpointSignature') return
    const { height, bytes: checkpoint } = frame.signature
    const digest = toHex(sha256(checkpoint))
    const stored = cluster.nodes[VICTIM]!.records.get('checkpoint', `${height}`)
    expect([height, stored === undefined ? 'nothing' : toHex(stored)]).toEqual([height, digest])
    run.said.set(height, (run.said.get(height) ?? new Set()).add(digest))
  }
  const restart = (): void => {
    cluster.restart(VICTIM)
    const heights = Array.from({ length: Math.min(HEIGHTS, cluster.nodes[VICTIM]!.executed.length) }, (_, place) => place + 1)
    for (const state of [2, 1]) {
      for (const height of heights) cluster.event(VICTIM, { type: 'checkpoint', height, bytes: bytesOf(height, state) })
    }
  }
  cluster.onBoundary = (node, boundary) => {
    const life = boots
    answer(run, node, boundary, () => node.authority !== VICTIM || life === boots)
    const before = onBoundary(node, boundary)
    if (node.authority !== VICTIM || !isOfCheckpoint(boundary) || run.boundaries++ !== kill?.boundary) return before
    boots++
    cluster.after(25, restart)
    return kill.verdict
  }
  cluster.start()
  const isOver = (): boolean =>
    OTHERS.every((at) => run.certified[at]!.size === HEIGHTS) &&
    (kill === undefined || boots > 0) &&
    cluster.nodes[VICTIM]!.executed.length > HEIGHTS
  expect([kill, cluster.run(10_000, isOver)]).toEqual([kill, true])
  cluster.run(100) // what was begun comes to its end
  return run
}

test.each<Mode>(['certified', 'uncertified'])(
  'killed around each persist and send of a checkpoint, a member says one thing of a height, %s',
  (mode) => {
    const { boundaries } = play(mode)
    expect(boundaries).toBeGreaterThanOrEqual(2 * HEIGHTS)
    let refused = 0
    let others = 0
    for (let boundary = 0; boundary < boundaries; boundary++) {
      for (const verdict of ['crash', 'crashAfter'] as const) {
        const { cluster, said } = play(mode, { boundary, verdict })
        for (const [height, digests] of said) {
          expect([boundary, verdict, height, digests.size]).toEqual([boundary, verdict, height, 1])
          if (digests.has(toHex(sha256(bytesOf(height, 2))))) others++
        }
        refused += cluster.nodes[VICTIM]!.counts.get('checkpointRefused') ?? 0
        expectAgreement(cluster)
      }
    }
    expect(refused).toBeGreaterThan(0) // it held to what it had written down
    expect(others).toBeGreaterThan(0) // and to nothing else: what was lost before it was durable binds nobody
  },
)
