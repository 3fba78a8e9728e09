import {
  beacons,
  clients,
  committees,
  createMemoryStore,
  epochFiles,
  epochRow,
  nodes,
  readyRow,
  seats,
  type BlockItem,
  type MemberRow,
} from '@selvedge/application'
import { beaconCommitment, beaconOf, committeeSeed } from '@selvedge/ledger-types'
import { sha256 } from '@selvedge/crypto/sha256'
import { expect, test } from 'vitest'
import { drawCommittee, type Candidate } from '../src/epoch/committee.ts'
import { CHAIN_ID, codesOf, EPOCH_MS, NATIVE, Network, seedOf, WEI } from './support/network.ts'

const secretOf = (author: number): Uint8Array => seedOf(`secret ${author}`)
const commit = (network: Network, author: number, epoch = 0): BlockItem =>
  network.system(author, { kind: 'beaconCommit', commitment: beaconCommitment(CHAIN_ID, epoch, author, secretOf(author)) })
const reveal = (network: Network, author: number, secret = secretOf(author)): BlockItem =>
  network.system(author, { kind: 'beaconReveal', secret })
/** Of the planned length, from the epoch's start. */
const at = (percent: number): number => (EPOCH_MS * percent) / 100

test('members commit until 20 %, reveal until 30 %, and the beacon is the hash over what was shown', () => {
  const network = new Network()
  expect(codesOf(network.run([commit(network, 0), commit(network, 1)], at(20) - 2))).toEqual([0, 0])
  expect(codesOf(network.run([commit(network, 1), reveal(network, 0)], 1))).toEqual([51, 52])
  const phase = [commit(network, 2), reveal(network, 0), reveal(network, 1, secretOf(7)), reveal(network, 3)]
  expect(codesOf(network.run(phase, 1))).toEqual([52, 0, 42, 42])
  expect(codesOf(network.run([reveal(network, 0)], 0))).toEqual([51])
  expect(network.app.state.get(beacons, 0)).toBeUndefined()
  expect(codesOf(network.run([reveal(network, 1)], at(10)))).toEqual([52])
  const beacon = beaconOf(CHAIN_ID, 0, network.genesis.hash, [{ author: 0, secret: secretOf(0) }])
  expect(network.app.state.get(beacons, 0)).toEqual({ beacon, withheld: 1 })
  network.closeEpoch()
  expect(network.app.view().beacon).toEqual(beacon)
})

test('a withheld reveal costs a tenth of the least stake and the seat of the next epoch', () => {
  const network = new Network({ nodes: 6 })
  const { committee } = network.app.view()
  network.run([commit(network, 0), commit(network, 1)], at(10))
  network.run([reveal(network, 0)], at(15))
  network.run([], at(10))
  const silent = committee[1]!.nodeIndex
  const before = network.app.state.get(nodes, silent)!.stake
  const { view } = network.closeEpoch().final!
  expect(network.app.state.get(nodes, silent)!.stake).toBe(before - 100n * NATIVE)
  expect(view.committee.map(({ nodeIndex }) => nodeIndex)).not.toContain(silent)
  expect(view.committee).toHaveLength(4)
})

test('who had no time to reveal keeps stake and seat', () => {
  const network = new Network({ nodes: 6 })
  const { committee } = network.app.view()
  network.run([commit(network, 0), commit(network, 1)], at(10))
  network.run([reveal(network, 0)], at(14))
  network.run([], at(10))
  expect(network.app.state.get(beacons, 0)).toMatchObject({ withheld: 1 })
  const silent = committee[1]!.nodeIndex
  const before = network.app.state.get(nodes, silent)!.stake
  const outcome = network.closeEpoch()
  expect(outcome.executed.flatMap(({ events }) => events).filter(({ kind }) => kind === 'slash')).toEqual([])
  expect(network.app.state.get(nodes, silent)!.stake).toBe(before)
})

test('with fewer than four candidates the committee stays', () => {
  const network = new Network()
  const before = network.app.state.get(committees, 0)
  network.send(network.call(network.nodes[2]!.owner, 'optOut', { nodeIndex: 2 }))
  network.run([], 4_000)
  network.closeEpoch()
  expect(network.app.state.get(committees, 1)).toEqual(before)
  expect(network.app.state.get(epochRow, null)).toMatchObject({ epoch: 1, stayed: true })
})

test('readiness counts once a member, for this epoch, after its planned end; what follows the quorum is not executed', () => {
  const network = new Network()
  const ready = (author: number, epoch = 0): BlockItem => network.system(author, { kind: 'readyToClose', epoch })
  expect(codesOf(network.run([ready(0)], EPOCH_MS - 1))).toEqual([52])
  expect(codesOf(network.run([ready(0, 1), ready(0), ready(9)], 1))).toEqual([46, 0])
  expect(codesOf(network.run([ready(0)], 0))).toEqual([51])
  expect(network.app.state.get(readyRow, null)).toEqual([0])
  const [a, b] = network.wallets as [Network['wallets'][0], Network['wallets'][0]]
  const send = (): BlockItem => ({ type: 'transactions', author: 0, transactions: [network.transfer(a, b.address, 1n)] })
  const outcome = network.run([ready(1), send(), ready(2), send(), ready(3)], 50)
  expect(codesOf(outcome)).toEqual([0, 0, 0])
  expect(outcome).toMatchObject({ retried: 1, epoch: 0 })
  expect(network.app.state.get(readyRow, null)).toEqual([])
  const { startMs, endMs } = network.app.view()
  expect([startMs, endMs - startMs]).toEqual([network.app.lastApplied().timestampMs, EPOCH_MS])
  expect(network.app.lastApplied().start).toMatchObject({ height: 4 })
})

test('stake that comes after the epoch began counts for no seat of the next, stake that left does not', () => {
  const network = new Network({ nodes: 5 })
  network.send(network.call(network.wallets[0]!, 'stake', { nodeIndex: 0 }, { value: 900_000n * NATIVE * WEI }))
  network.send(network.call(network.nodes[4]!.owner, 'unstake', { nodeIndex: 4, amount: 1_004n * NATIVE * WEI }))
  network.run([], 4_000)
  network.closeEpoch()
  const members = network.app.state.get(committees, 1) as readonly MemberRow[]
  const stakes = new Map(members.map(({ nodeIndex, stake }) => [nodeIndex, stake]))
  for (const [nodeIndex, stake] of stakes) expect(stake).toBe(nodeIndex === 4 ? 1_000n : BigInt(2_000 + nodeIndex))
})

// Goal: the draw is the ledger's rule. Method: the obvious reading of it, without splicing or running sums, over random candidates.
test('a committee is drawn by weight, each draw from its own seed', () => {
  for (let round = 0; round < 40; round++) {
    const candidates = Array.from({ length: 5 + (round % 9) }, (_, i) => ({
      nodeIndex: 3 * i,
      weight: BigInt(1 + ((i * 7_919 + round * 104_729) % 5_000)) * NATIVE,
    }))
    const seed = { chainId: CHAIN_ID, epoch: round, beacon: seedOf(`beacon ${round}`) }
    expect(drawCommittee(candidates, 4, seed)).toEqual(obviousDraw(candidates, 4, seed))
  }
})

function obviousDraw(
  candidates: readonly Candidate[],
  size: number,
  seed: { chainId: number; epoch: number; beacon: Uint8Array },
): Candidate[] {
  const drawn: Candidate[] = []
  for (let i = 0; i < size; i++) {
    const left = candidates.filter((each) => !drawn.includes(each))
    const total = left.reduce((sum, { weight }) => sum + weight, 0n)
    const stream = committeeSeed(seed.chainId, seed.epoch, seed.beacon, i)
    const place = firstBelow(stream, total)
    drawn.push(left.find((_, n) => left.slice(0, n + 1).reduce((sum, { weight }) => sum + weight, 0n) > place)!)
  }
  return drawn
}

function firstBelow(seed: Uint8Array, bound: bigint): bigint {
  for (let counter = 0; ; counter++) {
    const block = Buffer.from(sha256(Buffer.concat([seed, Uint8Array.of(counter, 0, 0, 0)])))
    for (let at = 0; at < 32; at += 8) {
      const number = block.readBigUInt64LE(at)
      if (number < 2n ** 64n - (2n ** 64n % bound)) return number % bound
    }
  }
}

test('the root of a closed epoch’s file is kept when a quorum of the running committee names it', () => {
  const network = new Network()
  network.run([], 4_000)
  network.closeEpoch()
  const vote = (author: number, epoch: number, root: string): BlockItem =>
    network.system(author, { kind: 'epochFile', epoch, root: seedOf(root) })
  expect(codesOf(network.run([vote(0, 1, 'a'), vote(0, 0, 'b'), vote(0, 0, 'a'), vote(1, 0, 'a'), vote(2, 0, 'a')]))).toEqual([
    46, 0, 51, 0, 0,
  ])
  expect(network.app.state.get(epochFiles, 0)).toBeUndefined()
  expect(codesOf(network.run([vote(3, 0, 'a')]))).toEqual([0])
  expect(codesOf(network.run([vote(3, 0, 'a')]))).toEqual([51])
  expect(network.app.state.get(epochFiles, 0)).toEqual(seedOf('a'))
})

test('old beacons, seats and committees go, those that are needed stay', () => {
  const network = new Network()
  for (let i = 0; i < 9; i++) {
    network.run([], 4_000)
    network.closeEpoch()
  }
  const { state } = network.app
  expect(state.rows(beacons).map(([epoch]) => epoch)).toEqual([6, 7, 8])
  expect(state.rows(seats).map(([{ epoch }]) => epoch)).toEqual([7, 8, 9])
  expect(state.rows(committees).map(([epoch]) => epoch)).toEqual([4, 5, 6, 7, 8, 9])
  expect(state.rows(clients)).toEqual([])
})

/** Whatever below `value` could still be changed, by its path; bytes alone cannot be frozen. */
function changeableIn(value: unknown, path: string): string[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return []
  const below = Object.entries(value).flatMap(([name, inner]) => changeableIn(inner, `${path}.${name}`))
  return Object.isFrozen(value) ? below : [path, ...below]
}

test('nobody who is handed the view can change it, at whatever depth, and none that was read from disk', () => {
  const store = createMemoryStore()
  const network = new Network({ store })
  const { final } = network.closeEpoch()
  const again = new Network({ store })
  expect(again.app.view()).toEqual(final!.view)
  for (const view of [final!.view, network.app.view(), again.app.view(), new Network().app.view()]) {
    expect(changeableIn(view, 'view')).toEqual([])
    expect(() => Object.assign(view.nodes, { length: 0 })).toThrow(TypeError)
    expect(() => Object.assign(view.params, { epochMs: 1 })).toThrow(TypeError)
  }
})

/** Every byte array below `value`. */
function bytesIn(value: unknown): Uint8Array[] {
  if (value instanceof Uint8Array) return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(bytesIn) : []
}

// Method: two equal ledgers run equal blocks, and of one everything is overwritten that it handed out or was handed. The last block of each epoch changes
// node 0, so that the view is made of a row which stays in memory; in the next one that node signs, is checked by that row, and changes it again.
test('whoever writes into the bytes of a view, of a position or of an outcome changes nothing that is executed or told later', () => {
  const [kept, spoiled] = [new Network(), new Network()]
  const spoil = (...values: readonly unknown[]): void => {
    const arrays = bytesIn([spoiled.app.view(), spoiled.app.lastApplied(), ...values])
    expect(arrays.length).toBeGreaterThan(4 * 5) // of each node: keys, record, owner, address
    for (const bytes of arrays) bytes.fill(0xff)
    expect(spoiled.app.lastApplied()).toEqual(kept.app.lastApplied())
  }
  expect(spoiled.app.view()).toEqual(kept.app.view())
  spoil()
  for (let epoch = 0; epoch < 3; epoch++) {
    const duty = kept.node(0, BigInt(epoch), { kind: 'version', newest: 2 + epoch })
    const stake = kept.call(kept.nodes[0]!.owner, 'stake', { nodeIndex: 0 }, { value: NATIVE * WEI })
    const itemsOf = (...transactions: readonly Uint8Array[]): BlockItem[] => [{ type: 'transactions', author: 0, transactions }]
    const block = spoiled.next([...itemsOf(duty), commit(spoiled, 0, epoch)])
    expect(codesOf(kept.run([...itemsOf(duty), commit(kept, 0, epoch)]))).toEqual([0, 0])
    const middle = spoiled.app.execute(block)
    spoil(block.digest, middle.blockDigest, middle.stateRoot)
    kept.run([reveal(kept, 0)], at(25))
    spoiled.run([reveal(spoiled, 0)], at(25))
    const { endMs, committee } = kept.app.view()
    const ready = committee.map(({ authority }) => spoiled.system(authority, { kind: 'readyToClose', epoch }))
    const last = spoiled.next([...itemsOf(stake), ...ready], endMs - kept.app.lastApplied().timestampMs)
    const [whole, end] = [kept.closeEpoch(...itemsOf(stake)), spoiled.app.execute(last)]
    expect(codesOf(whole)[0]).toBe(0)
    expect(spoiled.app.view()).toEqual(kept.app.view())
    expect(end).toEqual(whole)
    spoil(end.final, end.blockDigest, end.stateRoot, last.digest)
  }
  const again = new Network({ store: spoiled.store })
  expect(again.app.view()).toEqual(kept.app.view())
  expect(again.app.lastApplied()).toEqual(kept.app.lastApplied())
})
