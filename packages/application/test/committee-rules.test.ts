/** Who may order, who is Active, who judges whom: each rule by a network on which another rule would choose otherwise. */
import { beacons, committees, nodes, NODE_STATES, reports, scores, type MemberRow } from '@selvedge/application'
import { sha256 } from '@selvedge/crypto/sha256'
import { CODES, encodeNodeBody, reportCommitment, type NodeBodyOf } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { candidatesOf } from '../src/epoch/committee.ts'
import { updateMembership } from '../src/epoch/membership.ts'
import { allNodes, putSeats } from '../src/state/nodes.ts'
import { beaconItems, runAt } from './support/delivery.ts'
import { CHAIN_ID, codesOf, NATIVE, Network, seedOf, WEI } from './support/network.ts'
import { ascending, ofKind, stepOf } from './support/step.ts'

const membersOf = (network: Network, epoch: number): ReadonlyMap<number, bigint> => {
  const members = network.app.state.get(committees, epoch) as readonly MemberRow[]
  return new Map(members.map(({ nodeIndex, stake }) => [nodeIndex, stake]))
}

test('seats are drawn among the heaviest nodes only', () => {
  const network = new Network({ nodes: 9, genesis: { parameters: { candidateCount: 5 } } })
  const seated = new Set<number>()
  for (let epoch = 1; epoch <= 12; epoch++) {
    runAt(network, 10, ...beaconItems(network, 'beaconCommit'))
    runAt(network, 25, ...beaconItems(network, 'beaconReveal'))
    network.closeEpoch()
    for (const nodeIndex of membersOf(network, epoch).keys()) seated.add(nodeIndex)
  }
  expect([...seated].toSorted(ascending)).toEqual([4, 5, 6, 7, 8]) // stakes rise with the index
})

test('of equally heavy nodes the older one is a candidate', () => {
  const { state } = stepOf(new Network({ nodes: 6, genesis: { parameters: { candidateCount: 4 } } }))
  for (const [nodeIndex, node] of allNodes(state)) state.put(nodes, nodeIndex, { ...node, stake: 2_000n * NATIVE })
  putSeats(state, 0, allNodes(state))
  expect(candidatesOf(state, 0, new Set()).map(({ nodeIndex }) => nodeIndex)).toEqual([0, 1, 2, 3])
})

test('delegated stake weighs like own stake, from the epoch after it came, and no longer than it stays', () => {
  const network = new Network()
  const [delegator] = network.wallets
  expect(codesOf(network.send(network.call(delegator!, 'delegate', { nodeIndex: 3 }, { value: 3_000n * NATIVE * WEI })))).toEqual([0])
  network.closeEpoch()
  expect(membersOf(network, 1).get(3)).toBe(2_003n)
  network.closeEpoch()
  expect(membersOf(network, 2).get(3)).toBe(5_003n)
  expect(codesOf(network.send(network.call(delegator!, 'undelegate', { nodeIndex: 3, shares: 1_000n * NATIVE })))).toEqual([0])
  network.closeEpoch()
  expect(membersOf(network, 3).get(3)).toBe(4_003n)
})

test('a node whose score is below the governed one becomes Idle, one that is just as good stays, and who comes in is not judged', () => {
  const network = new Network({ nodes: 6, genesis: { parameters: { eligibilityScore: 20_000_000 } } })
  const step = stepOf(network)
  const { state } = step
  state.put(scores, 1, { history: [20_000_001, 0], accuracy: 1_000_000 })
  state.put(scores, 2, { history: [19_999_999, 90_000_000], accuracy: 1_000_000 })
  state.put(scores, 3, { history: [20_000_000], accuracy: 1_000_000 })
  state.put(scores, 4, { history: [1], accuracy: 1_000_000 })
  state.put(nodes, 4, { ...state.get(nodes, 4)!, state: NODE_STATES.optingIn })
  updateMembership(step)
  const active = allNodes(state).filter(([, node]) => node.state === NODE_STATES.active)
  expect(active.map(([nodeIndex]) => nodeIndex)).toEqual([0, 1, 3, 4, 5]) // 0 and 5 have the score of who was never measured
  expect(ofKind(step.events, 'node').map(({ nodeIndex, state: next }) => [nodeIndex, next])).toEqual([
    [2, NODE_STATES.idle],
    [4, NODE_STATES.active],
  ])
})

const NODES = 60
const ASSIGNED = 48

/** The obvious reading of the rule, where every node has an owner and a net of its own: the 48 of smallest rank. */
function assignedTo(target: number, beacon: Uint8Array, epoch: number): ReadonlySet<number> {
  const rankOf = (node: number): string => {
    const numbers = Buffer.alloc(16)
    numbers.writeBigUInt64LE(BigInt(epoch))
    numbers.writeUInt32LE(target, 8)
    numbers.writeUInt32LE(node, 12)
    return Buffer.from(sha256(Buffer.concat([Buffer.from('selvedge/reporter/1\0'), beacon, numbers]))).toString('hex')
  }
  const others = Array.from({ length: NODES }, (_, node) => node).filter((node) => node !== target)
  const ranked = others.map((node) => ({ node, rank: rankOf(node) })).toSorted((a, b) => (a.rank < b.rank ? -1 : 1))
  return new Set(ranked.slice(0, ASSIGNED).map(({ node }) => node))
}

// Goal: the jury is the beacon's choice. Method: sixty nodes; of all (reporter, target) those that another beacon would have judged the other way.
test('only who the beacon of the epoch assigned reports on a node: another’s report is not opened', () => {
  const network = new Network({ nodes: NODES })
  const beaconRound = (): void => {
    runAt(network, 10, ...beaconItems(network, 'beaconCommit'))
    runAt(network, 25, ...beaconItems(network, 'beaconReveal'))
    runAt(network, 31)
  }
  beaconRound()
  network.closeEpoch()
  const { beacon } = network.app.view()
  beaconRound()
  runAt(network, 85)
  const wrong = [network.genesis.hash, network.app.state.get(beacons, 1)!.beacon]
  const pairOf = (isAssigned: boolean): [node: number, target: number] => {
    for (let target = 0; target < NODES; target++) {
      const right = assignedTo(target, beacon, 1)
      const others = wrong.map((each) => assignedTo(target, each, 1))
      for (let node = 0; node < NODES; node++) {
        if (node !== target && right.has(node) === isAssigned && others.every((each) => each.has(node) !== isAssigned))
          return [node, target]
      }
    }
    throw new Error('no pair tells the beacons apart')
  }
  const measure = { rttMicros: 1_500, jitterMicros: 90, answered: 90, asked: 96 }
  const bodyOf = (target: number): NodeBodyOf<'reportReveal'> => {
    return { kind: 'reportReveal', epoch: 1, salt: seedOf('salt'), measurements: [{ target, ...measure }] }
  }
  const pairs = [pairOf(true), pairOf(false)] as const
  const commits = pairs.map(([node, target]) => {
    const commitment = reportCommitment(CHAIN_ID, node, encodeNodeBody(bodyOf(target)))
    return network.node(node, 0n, { kind: 'reportCommit', epoch: 1, commitment })
  })
  expect(codesOf(network.send(...commits))).toEqual([CODES.ok, CODES.ok]) // a commitment does not say on whom
  network.closeEpoch()
  const reveals = pairs.map(([node, target]) => network.node(node, 1n, bodyOf(target)))
  expect(codesOf(network.send(...reveals))).toEqual([CODES.ok, CODES.outOfBounds])
  const opened = pairs.map(([nodeIndex]) => network.app.state.get(reports, { epoch: 1, nodeIndex })?.opened)
  expect(opened).toEqual([true, false])
})
