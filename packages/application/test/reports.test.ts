import { coordinates, reports } from '@selvedge/application'
import { sha256 } from '@selvedge/crypto/sha256'
import { CODES, encodeNodeBody, reportCommitment, type Measurement, type NodeBodyOf } from '@selvedge/ledger-types'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { reportersOf, type Candidate, type Draw } from '../src/node-transactions/report-assignment.ts'
import { CHAIN_ID, codesOf, EPOCH_MS, Network, seedOf } from './support/network.ts'

const measurementOf = (target: number, answered = 90): Measurement => ({ target, rttMicros: 1_500, jitterMicros: 90, answered, asked: 96 })

function revealOf(targets: readonly number[], epoch = 0): NodeBodyOf<'reportReveal'> {
  return { kind: 'reportReveal', epoch, salt: seedOf('salt'), measurements: targets.map((target) => measurementOf(target)) }
}

function commit(network: Network, nodeIndex: number, nonce: bigint, body: NodeBodyOf<'reportReveal'>): number {
  const commitment = reportCommitment(CHAIN_ID, nodeIndex, encodeNodeBody(body))
  return codesOf(network.send(network.node(nodeIndex, nonce, { kind: 'reportCommit', epoch: body.epoch, commitment })))[0]!
}

function late(network: Network): void {
  network.run([], EPOCH_MS * 0.8)
}

test('a report is bound late in its epoch and shown early in the next', () => {
  const network = new Network({ nodes: 6 })
  const body = revealOf([1, 2, 5])
  expect(commit(network, 0, 0n, body)).toBe(CODES.phase)
  late(network)
  expect(commit(network, 0, 1n, body)).toBe(CODES.ok)
  expect(commit(network, 0, 2n, body)).toBe(CODES.state)
  expect(codesOf(network.send(network.node(0, 3n, body)))).toEqual([CODES.phase])
  network.closeEpoch()
  expect(codesOf(network.send(network.node(0, 4n, { ...body, salt: seedOf('other') })))).toEqual([CODES.proof])
  expect(codesOf(network.send(network.node(1, 0n, body)))).toEqual([CODES.notFound])
  expect(codesOf(network.send(network.node(0, 5n, body)))).toEqual([CODES.ok])
  expect(network.app.state.get(reports, { epoch: 0, nodeIndex: 0 })).toMatchObject({ opened: true })
  expect(network.app.state.get(reports, { epoch: 0, nodeIndex: 0 })!.rows).toHaveLength(48)
  expect(codesOf(network.send(network.node(0, 6n, body)))).toEqual([CODES.state])
})

test('after a fifth of the next epoch it is too late', () => {
  const network = new Network({ nodes: 6 })
  late(network)
  const body = revealOf([1])
  commit(network, 0, 0n, body)
  network.closeEpoch()
  network.run([], EPOCH_MS * 0.2)
  expect(codesOf(network.send(network.node(0, 1n, body)))).toEqual([CODES.phase])
})

test.each([
  ['itself', revealOf([0])],
  ['a node that is not there', revealOf([1, 77])],
  ['more answers than questions', { ...revealOf([1]), measurements: [measurementOf(1, 97)] }],
])('nobody reports on %s', (_, body) => {
  const network = new Network({ nodes: 6 })
  late(network)
  commit(network, 0, 0n, body)
  network.closeEpoch()
  expect(codesOf(network.send(network.node(0, 1n, body)))).toEqual([CODES.outOfBounds])
})

test('coordinates are given once an epoch, for that epoch', () => {
  const network = new Network()
  const body = {
    kind: 'coordinates' as const,
    epoch: 0,
    coordinates: Array.from({ length: 24 }, (_, i) => i * 100),
    receiptRoot: seedOf('root'),
  }
  expect(codesOf(network.send(network.node(1, 0n, { ...body, epoch: 1 })))).toEqual([CODES.phase])
  expect(codesOf(network.send(network.node(1, 1n, body)))).toEqual([CODES.ok])
  expect(codesOf(network.send(network.node(1, 2n, body)))).toEqual([CODES.state])
  expect(network.app.state.get(coordinates, 1)).toMatchObject({ epoch: 0 })
  expect(network.app.state.get(coordinates, 1)!.values.slice(2, 4)).toEqual(Uint8Array.of(100, 0))
})

const ipv4 = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 }), fc.nat(255))
const ipv6 = fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(255))
const candidate = fc.record({
  owner: fc.integer({ min: 0, max: 40 }).map((i) => seedOf(`owner ${i}`).slice(0, 20)),
  address: fc.oneof(
    ipv4.map((ip) => Uint8Array.from(ip)),
    ipv6.map(([wide, near, part, host]) => Uint8Array.of(0x20, 1, 0x0d, wide, 0, near, part, ...new Uint8Array(8), host)),
  ),
})

const few = fc.array(candidate, { minLength: 2, maxLength: 48 })
/** More than are chosen, so that the shares of nets decide who is. */
const many = fc.array(candidate, { minLength: 60, maxLength: 120 })

/** The obvious reading of the rule: by rank, as long as no net has its share; shares doubled until there are as many as there can be. */
function obviousReporters({ beacon, epoch, candidates }: Draw, target: Candidate): Set<number> {
  const rankOf = ({ nodeIndex }: Candidate): string => {
    const numbers = Buffer.alloc(16)
    numbers.writeBigUInt64LE(BigInt(epoch))
    numbers.writeUInt32LE(target.nodeIndex, 8)
    numbers.writeUInt32LE(nodeIndex, 12)
    return Buffer.from(sha256(Buffer.concat([Buffer.from('selvedge/reporter/1\0'), beacon, numbers]))).toString('hex')
  }
  const netOf = ({ address }: Candidate, isWide: boolean): string =>
    String(address.subarray(0, address.length === 4 ? (isWide ? 2 : 3) : isWide ? 4 : 6))
  const others = candidates
    .filter((each) => each !== target && String(each.owner) !== String(target.owner))
    .map((each) => ({ each, rank: rankOf(each), near: netOf(each, false), wide: netOf(each, true) }))
    .toSorted((a, b) => (a.rank < b.rank ? -1 : 1))
  for (let share = 1; ; share *= 2) {
    const chosen: typeof others = []
    for (const other of others) {
      const near = chosen.filter((each) => each.near === other.near).length
      const wide = chosen.filter((each) => each.wide === other.wide).length
      if (chosen.length < 48 && near < 2 * share && wide < 6 * share) chosen.push(other)
    }
    if (chosen.length === Math.min(48, others.length)) return new Set(chosen.map(({ each }) => each.nodeIndex))
  }
}

test('an assignment is fair: the same everywhere, nobody of the owner, no net above its doubled share, as many as there can be', () => {
  fc.assert(
    fc.property(fc.oneof(few, many), fc.nat(1_000), (list, salt) => {
      const candidates = list.map((each, nodeIndex): Candidate => ({ ...each, nodeIndex }))
      const draw = { beacon: seedOf(`beacon ${salt}`), epoch: salt, candidates }
      const target = candidates[salt % candidates.length]!
      const chosen = reportersOf(draw, target)
      expect(new Set(chosen)).toEqual(obviousReporters(draw, target))
      expect(reportersOf({ ...draw, candidates: candidates.toReversed() }, target)).toEqual(chosen)
    }),
    { numRuns: Number(process.env['RUNS'] ?? 200), seed: Number(process.env['SEED'] ?? 7) },
  )
})

test('while there are enough nets, at most two of a /24 and six of a /16 are chosen', () => {
  const candidates = Array.from({ length: 1_200 }, (_, i): Candidate => {
    const address = Uint8Array.of(10, i % 12, (i >> 4) % 30, i % 251)
    return { nodeIndex: i, owner: seedOf(`owner ${i}`).slice(0, 20), address }
  })
  for (let target = 0; target < 20; target++) {
    const chosen = reportersOf({ beacon: seedOf('beacon'), epoch: 3, candidates }, candidates[target]!)
    expect(chosen.size).toBe(48)
    const counts = (length: number): number[] => {
      const nets = new Map<string, number>()
      for (const nodeIndex of chosen) {
        const net = candidates[nodeIndex]!.address.subarray(0, length).join('.')
        nets.set(net, (nets.get(net) ?? 0) + 1)
      }
      return [...nets.values()]
    }
    expect(Math.max(...counts(3))).toBeLessThanOrEqual(2)
    expect(Math.max(...counts(2))).toBeLessThanOrEqual(6)
  }
})
