// Goal: from what is pinned the light client believes what a quorum signed and nothing else, over changes of the committee.
// Method: real keys and certificates of a small network, and every way to make one that should not count.
import { createMemoryNodeStore, createStateTree, encodeProof, keyHash, valueHash } from '@selvedge/state-tree'
import { expect, test } from 'vitest'
import {
  type Checkpoint,
  committeeOfGenesis,
  committeeRoot,
  concatBytes,
  encodeCommittee,
  encodeReceipt,
  encodeTreeProof,
  formatGenesis,
  LedgerError,
  leafHash,
  parseGenesis,
  proveLeaf,
  type Receipt,
  treeRoot,
} from '../src/index.ts'
import {
  createLightClient,
  createLightClientOfGenesis,
  encodeEpochProof,
  verifyReceipt,
  verifyState,
  verifyTransaction,
} from '../src/light-client/index.ts'
import { certificateOf, CHAIN_ID, checkpointOf, committeeOf, genesisOf, type Member, membersOf } from './network.ts'

const MEMBERS = membersOf([1, 1, 1, 1])
const NEXT = membersOf([5, 1, 1], 10)
const clientOf = (members: readonly Member[] = MEMBERS, epoch = 0) =>
  createLightClient({ chainId: CHAIN_ID, epoch, committee: committeeOf(members) })
const refusal = (why: string): unknown =>
  expect.objectContaining({ code: 'LEDGER_BAD_CERTIFICATE', message: expect.stringContaining(why) as string })
const final = (height: number, next: readonly Member[], fields: Partial<Checkpoint> = {}): Partial<Checkpoint> => {
  return { height, isFinal: true, nextCommitteeRoot: committeeRoot(committeeOf(next)), ...fields }
}

/** The code that it throws, or what it gives. */
function outcomeOf(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    if (error instanceof LedgerError) return error.code
    throw error
  }
}

test('a certificate of a quorum is believed, whoever signed', () => {
  for (const signers of [
    [0, 1, 2],
    [1, 2, 3],
    [0, 1, 2, 3],
  ]) {
    const checkpoint = checkpointOf(MEMBERS, { stateRoot: new Uint8Array(32).fill(7) })
    const client = clientOf()
    expect(client.verifyCertificate(certificateOf(MEMBERS, checkpoint, signers))).toEqual(checkpoint)
    expect(client.checkpoint).toEqual(checkpoint)
  }
})

test.each<[string, () => Uint8Array]>([
  ['stake 2 of the 3', () => certificateOf(MEMBERS, checkpointOf(MEMBERS), [0, 3])],
  ['chain 7', () => certificateOf(MEMBERS, checkpointOf(MEMBERS, { chainId: 7 }), [0, 1, 2])],
  ['epoch 1', () => certificateOf(MEMBERS, checkpointOf(MEMBERS, { epoch: 1 }), [0, 1, 2])],
  ['another committee', () => certificateOf(MEMBERS, checkpointOf(MEMBERS, { committeeRoot: new Uint8Array(32) }), [0, 1, 2])],
  [
    'not that of its signers', // a bit more than signed
    () => {
      const good = certificateOf(MEMBERS, checkpointOf(MEMBERS), [0, 1, 2])
      return good.with(253, 0b1111)
    },
  ],
  [
    'not that of its signers', // signed for another checkpoint
    () => {
      const good = certificateOf(MEMBERS, checkpointOf(MEMBERS), [0, 1, 2])
      const other = certificateOf(MEMBERS, checkpointOf(MEMBERS, { height: 2 }), [0, 1, 2])
      return concatBytes(other.slice(0, 254), good.slice(254))
    },
  ],
  ['not that of its signers', () => certificateOf(MEMBERS, checkpointOf(MEMBERS), [0, 1, 2]).fill(0, 254)],
  ['not that of its signers', () => certificateOf(membersOf([1, 1, 1, 1], 20), checkpointOf(MEMBERS), [0, 1, 2])],
])('a certificate is refused: %s', (why, make) => {
  const client = clientOf()
  expect(() => client.verifyCertificate(make())).toThrow(refusal(why))
  expect(client.checkpoint).toBeUndefined()
})

test('every flipped byte of a certificate is noticed', () => {
  const good = certificateOf(MEMBERS, checkpointOf(MEMBERS), [0, 1, 2])
  const client = clientOf()
  for (let at = 0; at < good.length; at += 5) {
    const outcome = outcomeOf(() => client.verifyCertificate(good.with(at, good[at]! ^ 0x20)))
    expect(['LEDGER_MALFORMED', 'LEDGER_BAD_CERTIFICATE']).toContain(outcome)
  }
  expect(() => client.verifyCertificate(good.slice(1))).toThrow(expect.objectContaining({ code: 'LEDGER_MALFORMED' }))
})

test('stake decides, not heads', () => {
  const client = clientOf(NEXT)
  const heavy = NEXT.findIndex(({ member }) => member.stake === 5)
  const [first, second] = [0, 1, 2].filter((i) => i !== heavy)
  expect(() => client.verifyCertificate(certificateOf(NEXT, checkpointOf(NEXT), [first!, second!]))).toThrow(refusal('stake 2 of the 5'))
  expect(client.verifyCertificate(certificateOf(NEXT, checkpointOf(NEXT), [heavy]))).toBeDefined()
})

test('it follows the committee over epochs by one proof each, and forgets the old one', () => {
  const client = clientOf()
  const certificate = certificateOf(MEMBERS, checkpointOf(MEMBERS, final(9, NEXT)), [0, 1, 3])
  client.advance(encodeEpochProof({ certificate, committee: encodeCommittee(committeeOf(NEXT)) }))
  expect([client.epoch, client.committee, client.checkpoint?.height]).toEqual([1, committeeOf(NEXT), 9])
  expect(() => client.verifyCertificate(certificateOf(MEMBERS, checkpointOf(MEMBERS, { height: 10, epoch: 1 }), [0, 1, 2]))).toThrow(
    refusal('another committee'),
  )
  const tenth = checkpointOf(NEXT, { height: 10, epoch: 1 })
  expect(client.verifyCertificate(certificateOf(NEXT, tenth, [0, 1, 2]))).toEqual(tenth)
  const back = certificateOf(NEXT, checkpointOf(NEXT, { epoch: 1, ...final(20, MEMBERS) }), [0, 1, 2])
  client.advance(encodeEpochProof({ certificate: back, committee: encodeCommittee(committeeOf(MEMBERS)) }))
  expect(client.epoch).toBe(2)
})

test('it does not move on by a block that is not the last, nor to a committee that is not named', () => {
  const client = clientOf()
  const committee = encodeCommittee(committeeOf(NEXT))
  const middle = certificateOf(MEMBERS, checkpointOf(MEMBERS), [0, 1, 2])
  expect(() => client.advance(encodeEpochProof({ certificate: middle, committee }))).toThrow(refusal('not the last'))
  const last = certificateOf(MEMBERS, checkpointOf(MEMBERS, final(9, NEXT)), [0, 1, 2])
  const forged = encodeCommittee(committeeOf(membersOf([5, 1, 1], 30)))
  expect(() => client.advance(encodeEpochProof({ certificate: last, committee: forged }))).toThrow(refusal('not the one that is pinned'))
  expect([client.epoch, client.checkpoint]).toEqual([0, undefined])
})

test('two certified blocks of one height, and time that runs back, are found out', () => {
  const client = clientOf()
  const digest = new Uint8Array(32).fill(1)
  client.verifyCertificate(certificateOf(MEMBERS, checkpointOf(MEMBERS, { height: 5 }), [0, 1, 2]))
  expect(() =>
    client.verifyCertificate(certificateOf(MEMBERS, checkpointOf(MEMBERS, { height: 5, blockDigest: digest }), [0, 1, 2])),
  ).toThrow(refusal('two blocks'))
  expect(() => client.verifyCertificate(certificateOf(MEMBERS, checkpointOf(MEMBERS, { height: 6, timestampMs: 1 }), [0, 1, 2]))).toThrow(
    refusal('its time'),
  )
  expect(client.verifyCertificate(certificateOf(MEMBERS, checkpointOf(MEMBERS, { height: 4 }), [0, 1, 2])).height).toBe(4)
  expect(client.checkpoint?.height).toBe(5)
})

test('a pinned root decides which members are taken', () => {
  const options = { chainId: CHAIN_ID, epoch: 3, committeeRoot: committeeRoot(committeeOf(MEMBERS)) }
  expect(createLightClient({ ...options, committee: committeeOf(MEMBERS) }).epoch).toBe(3)
  expect(() => createLightClient({ ...options, committee: committeeOf(NEXT) })).toThrow(refusal('not the one that is pinned'))
  const [first, ...rest] = committeeOf(MEMBERS)
  const keyless = [{ ...first!, blsKey: new Uint8Array(48) }, ...rest]
  expect(() => createLightClient({ chainId: CHAIN_ID, epoch: 0, committee: keyless })).toThrow(refusal('no BLS key'))
})

test('from a genesis file it trusts the pinned hash and the committee that the file names', () => {
  const file = formatGenesis(genesisOf())
  const genesis = parseGenesis(file)
  const client = createLightClientOfGenesis(file, genesis.hash)
  expect([client.chainId, client.epoch, client.committee]).toEqual([CHAIN_ID, 0, committeeOfGenesis(genesis)])
  expect(() => createLightClientOfGenesis(file, genesis.hash.with(0, 1))).toThrow(expect.objectContaining({ code: 'LEDGER_BAD_GENESIS' }))
  const { nodes, ...rest } = genesisOf()
  const unsigned = formatGenesis({ ...rest, nodes: [{ ...nodes[0]!, nodeSig: new Uint8Array(64) }, ...nodes.slice(1)] })
  expect(() => createLightClientOfGenesis(unsigned, parseGenesis(unsigned).hash)).toThrow(
    expect.objectContaining({ code: 'LEDGER_BAD_GENESIS' }),
  )
})

test('entries of the state are shown to be there, or not, against the certified root', () => {
  const tree = createStateTree({ nodes: createMemoryNodeStore() })
  const [key, value] = [Uint8Array.of(1, 2), Uint8Array.of(3)]
  const other = new Uint8Array(20)
  tree.update([
    { keyHash: keyHash(2, key), valueHash: valueHash(value) },
    { keyHash: keyHash(2, other), valueHash: valueHash(other) },
  ])
  const checkpoint = checkpointOf(MEMBERS, { stateRoot: tree.root() })
  const proof = encodeProof(tree.prove(keyHash(2, key)))
  expect(() => verifyState(checkpoint, { table: 2, key, value }, proof)).not.toThrow()
  expect(() => verifyState(checkpoint, { table: 3, key, value: undefined }, encodeProof(tree.prove(keyHash(3, key))))).not.toThrow()
  for (const claim of [
    { table: 2, key, value: other },
    { table: 2, key, value: undefined },
    { table: 3, key, value },
    { table: 2, key: other, value },
  ]) {
    expect(() => verifyState(checkpoint, claim, proof)).toThrow(expect.objectContaining({ code: 'LEDGER_BAD_PROOF' }))
  }
  for (const bytes of [new Uint8Array(), proof.slice(1), concatBytes(proof, Uint8Array.of(0))]) {
    expect(() => verifyState(checkpoint, { table: 2, key, value }, bytes)).toThrow(expect.objectContaining({ code: 'LEDGER_BAD_PROOF' }))
  }
})

test('transactions and receipts are shown to be in a block', () => {
  const fields = { code: 0, gasUsed: 21_000, fee: 2_100n, firstEvent: 4 } as const
  const receipts = [0, 1, 2].map((index): Receipt => ({ ...fields, id: new Uint8Array(32).fill(index), index, events: [] }))
  const encoded = receipts.map(encodeReceipt)
  const leaves = encoded.map(leafHash)
  const checkpoint = checkpointOf(MEMBERS, { receiptsRoot: treeRoot(leaves), txRoot: treeRoot(leaves) })
  const proof = encodeTreeProof(proveLeaf(leaves, 1))
  expect(verifyReceipt(checkpoint, encoded[1]!, proof)).toEqual(receipts[1])
  expect(() => verifyTransaction(checkpoint, encoded[1]!, proof)).not.toThrow()
  expect(() => verifyReceipt(checkpoint, encoded[2]!, proof)).toThrow(expect.objectContaining({ code: 'LEDGER_BAD_PROOF' }))
  expect(() => verifyTransaction(checkpoint, encoded[1]!, proof.with(40, 0))).toThrow(expect.objectContaining({ code: 'LEDGER_BAD_PROOF' }))
  expect(() => verifyTransaction(checkpoint, encoded[1]!, proof.slice(1))).toThrow(expect.objectContaining({ code: 'LEDGER_MALFORMED' }))
})
