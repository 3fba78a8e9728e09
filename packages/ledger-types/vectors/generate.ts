/**
 * Makes the data of this folder: a network of twenty validators whose committee changes once, as a light client meets it. Keys are from
 * seeds of one repeated byte.
 *
 *   node --conditions=@selvedge/source vectors/generate.ts
 *
 * `genesis` is the file's text; everything else that is bytes is hex. `refused` are certificates of epoch 1 that must prove nothing.
 */
import { writeFileSync } from 'node:fs'
import { createBlsKeyPair } from '@selvedge/crypto/bls'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { createMemoryNodeStore, createStateTree, encodeProof, keyHash, valueHash } from '@selvedge/state-tree'
import {
  type Checkpoint,
  committeeOfGenesis,
  committeeRoot,
  encodeCommittee,
  encodeReceipt,
  encodeTreeProof,
  formatGenesis,
  leafHash,
  parseGenesis,
  proveLeaf,
  type Receipt,
  signAccountTransaction,
  toHex,
  treeRoot,
} from '../src/index.ts'
import { encodeEpochProof } from '../src/light-client/index.ts'
import { certificateOf, CHAIN_ID, checkpointOf, committeeOf, genesisOf, type Member, membersOf, TIME_MS } from '../test/network.ts'

const SEATS = 20

/** All of the file, as it stands. */
export function generate(): string {
  const genesis = formatGenesis(genesisOf({}, SEATS))
  const first = membersOfGenesis()
  const next = membersOf([5, 3, 2, 1, 1, 1, 1], 100)
  const quorum = Array.from({ length: 14 }, (_, i) => i + 3)

  const finalFields: Partial<Checkpoint> = { height: 40, isFinal: true, nextCommitteeRoot: committeeRoot(committeeOf(next)) }
  const final = certificateOf(first, checkpointOf(first, finalFields), quorum)
  const epochProof = encodeEpochProof({ certificate: final, committee: encodeCommittee(committeeOf(next)) })

  const tree = createStateTree({ nodes: createMemoryNodeStore() })
  const entries = Array.from({ length: 200 }, (_, i) => ({ key: Uint8Array.of(2, i), value: new Uint8Array(8).fill(i) }))
  tree.update(entries.map(({ key, value }) => ({ keyHash: keyHash(2, key), valueHash: valueHash(value) })))
  const present = entries[77]!
  const absent = Uint8Array.of(9, 9)

  const secretKey = new Uint8Array(32).fill(7)
  const fees = { maxPriorityFeePerGas: 0n, maxFeePerGas: 10n ** 11n, gasLimit: 21_000n }
  const payment = {
    form: 'eip1559' as const,
    chainId: CHAIN_ID,
    nonce: 0n,
    ...fees,
    to: new Uint8Array(20).fill(9),
    value: 10n ** 18n,
    data: new Uint8Array(),
  }
  const transactions = [0n, 1n, 2n].map((nonce) => signAccountTransaction({ ...payment, nonce }, secretKey))
  const receipts = transactions.map((_, index): Receipt => {
    return { id: new Uint8Array(32).fill(index + 1), index, code: 0, gasUsed: 21_000, fee: 2_100n, firstEvent: 5, events: [] }
  })
  const receiptLeaves = receipts.map((receipt) => leafHash(encodeReceipt(receipt)))
  const transactionLeaves = transactions.map(leafHash)
  const roots = { stateRoot: tree.root(), txRoot: treeRoot(transactionLeaves), receiptsRoot: treeRoot(receiptLeaves) }
  const checkpoint = checkpointOf(next, { epoch: 1, height: 41, timestampMs: TIME_MS + 12_000, ...roots })
  const certificate = certificateOf(next, checkpoint, [0, 1, 2, 3, 4, 5])
  const all = [0, 1, 2, 3, 4, 5, 6]

  const vectors = {
    genesis: new TextDecoder().decode(genesis),
    genesisHash: toHex(parseGenesis(genesis).hash),
    epochProof: toHex(epochProof),
    certificate: toHex(certificate),
    state: {
      table: 2,
      key: toHex(present.key),
      value: toHex(present.value),
      proof: toHex(encodeProof(tree.prove(keyHash(2, present.key)))),
    },
    absent: { table: 2, key: toHex(absent), proof: toHex(encodeProof(tree.prove(keyHash(2, absent)))) },
    transaction: { bytes: toHex(transactions[1]!), proof: toHex(encodeTreeProof(proveLeaf(transactionLeaves, 1))) },
    receipt: { bytes: toHex(encodeReceipt(receipts[1]!)), proof: toHex(encodeTreeProof(proveLeaf(receiptLeaves, 1))) },
    refused: [
      {
        why: 'one third of the stake',
        certificate: toHex(certificateOf(next, checkpoint, [next.findIndex(({ member }) => member.stake === 5)])),
      },
      { why: 'one bit more than signed', certificate: toHex(certificate.with(253, 0b111_1111)) },
      {
        why: 'the committee before',
        certificate: toHex(certificateOf(first, { ...checkpoint, committeeRoot: committeeRoot(committeeOf(first)) }, quorum)),
      },
      { why: 'another chain', certificate: toHex(certificateOf(next, { ...checkpoint, chainId: 7 }, all)) },
      { why: 'a state root that nobody signed', certificate: toHex(certificate.with(130, certificate[130]! ^ 1)) },
    ],
  }
  return `${JSON.stringify(vectors, undefined, 2)}\n`
}

/** The genesis committee with its secrets, in authority order. */
function membersOfGenesis(): Member[] {
  const contents = genesisOf({}, SEATS)
  return committeeOfGenesis(contents).map((member) => {
    const seed = new Uint8Array(32).fill(member.nodeIndex + 1)
    return { keys: createKeyPair(seed), bls: createBlsKeyPair(seed), member }
  })
}

if (import.meta.main) writeFileSync(new URL('light-client.json', import.meta.url), generate())
