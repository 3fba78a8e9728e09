// What a light client pays for a block, and a validator for a wallet's transaction before it looks at any state.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import {
  CHECKPOINT_BYTES,
  checkpointSigningBytes,
  committeeOfGenesis,
  decodeBlockCertificate,
  decodeTransaction,
  encodeReceipt,
  encodeTokenCall,
  callOf,
  fromHex,
  leafHash,
  parseGenesis,
  senderOf,
  signAccountTransaction,
  treeRoot,
} from '@selvedge/ledger-types'
import { createLightClientOfGenesis } from '@selvedge/ledger-types/light-client'
import type { Bench, Prepared } from '../../../tools/bench/bench.ts'

interface Vectors {
  readonly genesis: string
  readonly genesisHash: string
  readonly epochProof: string
}

const vectors = JSON.parse(readFileSync(new URL('../vectors/light-client.json', import.meta.url), 'utf8')) as Vectors
const genesis = new TextEncoder().encode(vectors.genesis)
const SEATS = committeeOfGenesis(parseGenesis(genesis)).length
const proof = fromHex(vectors.epochProof)
const certificateBytes = new DataView(proof.buffer, proof.byteOffset).getUint32(0, true)
const certificate = proof.slice(4, 4 + certificateBytes)

const fees = { maxPriorityFeePerGas: 0n, maxFeePerGas: 10n ** 11n, gasLimit: 50_000n }
const call = encodeTokenCall(1, 'transfer', { to: new Uint8Array(20).fill(9), amount: 5n })
const payment = signAccountTransaction(
  { form: 'eip1559', chainId: 1337, nonce: 7n, ...fees, ...call, value: 0n },
  new Uint8Array(32).fill(7),
)
const leaves = Array.from({ length: 1_000 }, (_, index) => {
  const id = new Uint8Array(32).fill(index & 255)
  return leafHash(encodeReceipt({ id, index, code: 0, gasUsed: 21_000, fee: 2_100n, firstEvent: index, events: [] }))
})

const each =
  (prepare: () => () => unknown): (() => Prepared) =>
  () => ({ each: prepare() })

function transactionOf(bytes: Uint8Array) {
  const decoded = decodeTransaction(bytes)
  if (!decoded.ok || decoded.transaction.form === 'node') throw new Error('not an account transaction')
  return decoded.transaction
}

interface Blst {
  readonly PublicKey: { fromBytes(bytes: Uint8Array, isValidated: boolean): object }
  readonly Signature: { fromBytes(bytes: Uint8Array, isValidated: boolean, isInfinityRefused: boolean): object }
  fastAggregateVerify(message: Uint8Array, keys: readonly object[], signature: object): boolean
}

/** The library that crypto uses, as crypto finds it. */
function bareBlst(): () => boolean {
  const blst = createRequire(new URL('../../crypto/package.json', import.meta.url))('@chainsafe/blst') as Blst
  const { signers, aggregate } = decodeBlockCertificate(certificate, SEATS)
  const members = committeeOfGenesis(parseGenesis(genesis))
  const keys = signers.map((signer) => blst.PublicKey.fromBytes(members[signer]!.blsKey, true))
  const message = checkpointSigningBytes(certificate.slice(0, CHECKPOINT_BYTES))
  return () => {
    if (!blst.fastAggregateVerify(message, keys, blst.Signature.fromBytes(aggregate, true, true))) throw new Error('not verified')
    return true
  }
}

export const benches: readonly Bench[] = [
  {
    name: `verify a block certificate, ${SEATS} members`,
    unit: 'ms',
    subjects: {
      ours: each(() => {
        const client = createLightClientOfGenesis(genesis, fromHex(vectors.genesisHash))
        return () => client.verifyCertificate(certificate)
      }),
      '@chainsafe/blst': each(bareBlst),
    },
    note: 'The goal is 1.1 ms. The peer is the pairing check alone, with the signature parsed: what no client in Node.js can be under. Keys were parsed before.',
  },
  {
    name: `epoch proof without the committee, ${SEATS} members`,
    unit: 'B',
    subjects: { ours: () => ({ figure: () => 8 + certificate.length }) },
    samples: 1,
    note: 'The goal is 1 kB. The committee it names is 92 bytes a member.',
  },
  {
    name: 'decode a block certificate',
    unit: 'ns',
    subjects: { ours: each(() => () => decodeBlockCertificate(certificate, SEATS)) },
  },
  {
    name: 'decode a token transfer in EIP-1559, and its call',
    unit: 'ns',
    subjects: { ours: each(() => () => callOf(transactionOf(payment))) },
  },
  {
    name: 'the same, and who signed it',
    unit: 'ns',
    subjects: { ours: each(() => () => senderOf(transactionOf(payment))) },
    note: 'Recovery by libsecp256k1.',
  },
  {
    name: 'root over 1,000 receipts',
    unit: 'ms',
    subjects: { ours: each(() => () => treeRoot(leaves)) },
  },
]
