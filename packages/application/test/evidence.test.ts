import { committees, evidences, nodes, supplyRow } from '@selvedge/application'
import { CODES, type EventOf } from '@selvedge/ledger-types'
import { transcriptOf } from '@selvedge/crypto/transcript'
import { ByteWriter } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { evidenceOf } from './support/evidence.ts'
import { CHAIN_ID, codesOf, NATIVE, Network, seedOf } from './support/network.ts'

const hashes = [seedOf('one'), seedOf('two')] as const

/** Place in the committee of the node with this index. */
function seatOf(network: Network, nodeIndex: number, epoch = 0): number {
  return network.app.state.get(committees, epoch)!.findIndex((member) => member.nodeIndex === nodeIndex)
}

function accusation(network: Network, nodeIndex: number, epoch = 0): Uint8Array {
  return evidenceOf(network.nodes[nodeIndex]!.keys, epoch, seatOf(network, nodeIndex), hashes)
}

function report(network: Network, nonce: bigint, bytes: Uint8Array): ReturnType<Network['send']> {
  return network.send(network.node(0, nonce, { kind: 'evidence', bytes }))
}

test('two words in one slot cost the whole stake and the seat for ever, half of it to who shows them, once', () => {
  const network = new Network({ nodes: 5 })
  const reporter = network.nodes[0]!.owner.address
  const before = network.app.account(reporter).native
  const outcome = report(network, 0n, accusation(network, 2))
  expect(codesOf(outcome)).toEqual([CODES.ok])
  const slashed = outcome.executed[0]!.events.find((event): event is EventOf<'slash'> => event.kind === 'slash')
  expect(slashed).toMatchObject({ nodeIndex: 2, amount: 2_002n * NATIVE })
  expect(network.app.state.get(nodes, 2)).toMatchObject({ stake: 0n, state: 4 })
  expect(network.app.account(reporter).native).toBeGreaterThan(before + 1_000n * NATIVE)
  expect(codesOf(report(network, 1n, accusation(network, 2)))).toEqual([CODES.state])
  const { final } = network.closeEpoch()
  expect(final?.view.committee.map(({ nodeIndex }) => nodeIndex)).toEqual(expect.not.arrayContaining([2]))
  const owner = network.nodes[2]!.owner
  expect(codesOf(network.send(network.call(owner, 'optIn', { nodeIndex: 2 })))).toEqual([CODES.state])
})

test('who shows what his own node signed gets nothing of it', () => {
  const network = new Network({ nodes: 5 })
  const owner = network.nodes[0]!.owner.address
  const [before, { burnt }] = [network.app.account(owner).native, network.app.state.get(supplyRow, null)!]
  const outcome = report(network, 0n, accusation(network, 0))
  expect(codesOf(outcome)).toEqual([CODES.ok])
  const { fee } = network.app.history.receiptOf(outcome.executed[0]!.id)!.receipt
  expect(network.app.account(owner).native).toBe(before - fee)
  expect(network.app.state.get(supplyRow, null)!.burnt).toBe(burnt + 2_000n * NATIVE + fee)
  expect(network.app.state.get(nodes, 0)).toMatchObject({ stake: 0n, state: 4 })
})

test('stake that is on its way out, and delegations, are reached', () => {
  const network = new Network({ nodes: 5 })
  const { owner } = network.nodes[2]!
  const delegator = network.wallets[0]!
  network.send(network.call(delegator, 'delegate', { nodeIndex: 2 }, { value: 100n * NATIVE * 10n ** 12n }))
  network.send(network.call(owner, 'unstake', { nodeIndex: 2, amount: 500n * NATIVE * 10n ** 12n }))
  const outcome = report(network, 0n, accusation(network, 2))
  const slashed = outcome.executed[0]!.events.find((event): event is EventOf<'slash'> => event.kind === 'slash')
  expect(slashed?.amount).toBe(2_102n * NATIVE)
  for (let epoch = 0; epoch < 7; epoch++) network.closeEpoch()
  expect(codesOf(network.send(network.call(owner, 'claimUnbonded', { to: owner.address })))).toEqual([CODES.amount])
})

test('what is known is told before its signatures are looked at, to a node and to a member', () => {
  const network = new Network({ nodes: 5 })
  const bytes = accusation(network, 2)
  const forged = bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1)
  expect(codesOf(report(network, 0n, forged))).toEqual([CODES.proof])
  expect(codesOf(report(network, 1n, bytes))).toEqual([CODES.ok])
  expect(codesOf(report(network, 2n, forged))).toEqual([CODES.state])
  expect(codesOf(network.run([network.system(0, { kind: 'evidence', evidence: forged })]))).toEqual([CODES.state])
})

test('a member brings it in its proposal too', () => {
  const network = new Network({ nodes: 5 })
  const outcome = network.run([network.system(0, { kind: 'evidence', evidence: accusation(network, 3) })])
  expect(codesOf(outcome)).toEqual([CODES.ok])
  expect(network.app.state.get(nodes, 3)?.state).toBe(4)
  expect(network.app.state.rows(evidences)).toHaveLength(1)
})

test('what proves nothing, names nobody, or comes too late or too early has its code', () => {
  const network = new Network({ nodes: 5 })
  const bytes = accusation(network, 2)
  expect(codesOf(report(network, 0n, Uint8Array.of(9)))).toEqual([CODES.outOfBounds])
  expect(codesOf(report(network, 1n, new Uint8Array(0)))).toEqual([CODES.outOfBounds])
  const flipped = bytes.slice()
  flipped[flipped.length - 1]! ^= 1
  expect(codesOf(report(network, 2n, flipped))).toEqual([CODES.proof])
  const stranger = evidenceOf(network.nodes[2]!.keys, 0, 99, hashes)
  expect(codesOf(report(network, 3n, stranger))).toEqual([CODES.proof])
  expect(codesOf(report(network, 4n, evidenceOf(network.nodes[2]!.keys, 1, 0, hashes)))).toEqual([CODES.phase])
  for (let epoch = 0; epoch < 6; epoch++) network.closeEpoch()
  expect(codesOf(report(network, 5n, bytes))).toEqual([CODES.phase])
  expect(network.app.state.get(nodes, 2)?.stake).toBe(2_002n * NATIVE)
})

function pointer(
  network: Network,
  witness: number,
  root: Uint8Array,
  { cid = seedOf('cid'), epoch = 0, chainId = CHAIN_ID } = {},
): Uint8Array {
  const unsigned = new ByteWriter(200)
    .u8(0)
    .u8(36)
    .raw(Uint8Array.of(1, 0x55, 0x12, 32))
    .raw(cid)
    .raw(root)
    .u64(1000)
    .raw(new Uint8Array(32))
    .u8(0)
  const signed = unsigned.epoch(epoch).u32(witness).finish()
  const chain = new ByteWriter(4).u32(chainId).finish()
  return Buffer.concat([signed, network.nodes[witness]!.keys.sign(transcriptOf('pointer', chain, signed))])
}

function pointers(a: Uint8Array, b: Uint8Array): Uint8Array {
  const [first, second] = [a, b].toSorted((x, y) => Buffer.compare(x, y)) as [Uint8Array, Uint8Array]
  return new ByteWriter(500).u8(0x10).u16(first.length).raw(first).raw(second).finish()
}

test('a witness that named two roots for one CID pays a twentieth', () => {
  const network = new Network({ nodes: 5 })
  const bytes = pointers(pointer(network, 2, hashes[0]), pointer(network, 2, hashes[1]))
  expect(codesOf(report(network, 0n, bytes))).toEqual([CODES.ok])
  expect(network.app.state.get(nodes, 2)).toMatchObject({ stake: (2_002n * NATIVE * 95n) / 100n, state: 2 })
  expect(codesOf(report(network, 1n, bytes))).toEqual([CODES.state])
})

test('records that do not contradict one another, or are not its own, cost nobody anything', () => {
  const network = new Network({ nodes: 5 })
  const one = pointer(network, 2, hashes[0])
  const pairs: [string, Uint8Array, number][] = [
    ['one root twice', pointers(one, one), CODES.outOfBounds],
    ['two CIDs', pointers(one, pointer(network, 2, hashes[1], { cid: seedOf('other') })), CODES.outOfBounds],
    ['two epochs', pointers(one, pointer(network, 2, hashes[1], { epoch: 1 })), CODES.outOfBounds],
    ['two witnesses', pointers(one, pointer(network, 3, hashes[1])), CODES.outOfBounds],
    ['another chain', pointers(one, pointer(network, 2, hashes[1], { chainId: 7 })), CODES.proof],
    ['not ascending', pointersBackwards(one, pointer(network, 2, hashes[1])), CODES.outOfBounds],
  ]
  for (const [i, [what, bytes, code]] of pairs.entries()) {
    expect({ what, codes: codesOf(report(network, BigInt(i), bytes)) }).toEqual({ what, codes: [code] })
  }
  expect(network.app.state.get(nodes, 2)?.stake).toBe(2_002n * NATIVE)
})

function pointersBackwards(a: Uint8Array, b: Uint8Array): Uint8Array {
  const [first, second] = [a, b].toSorted((x, y) => Buffer.compare(y, x)) as [Uint8Array, Uint8Array]
  return new ByteWriter(500).u8(0x10).u16(first.length).raw(first).raw(second).finish()
}
