// Goal: who names a genesis file believes a node nothing that it cannot prove: not which number the node of a folder has, not what became of a
// transaction. What does not check is refused with NODE_UNPROVEN before anything is signed.
// Method: four real members, and a proxy before one of them that lies in every way there is; the committee of genesis is two epochs away.
import { encodeField, nodeKeys, nodes } from '@selvedge/application'
import { aggregateBls, createBlsKeyPair } from '@selvedge/crypto/bls'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { sha256 } from '@selvedge/crypto/sha256'
import {
  checkpointOfCertificate,
  checkpointSigningBytes,
  committeeOfGenesis,
  decodeTransaction,
  encodeBlockCertificate,
  encodeCheckpoint,
  encodeCommittee,
  transactionId,
  type Checkpoint,
} from '@selvedge/ledger-types'
import { decodeEpochProof, encodeEpochProof } from '@selvedge/ledger-types/light-client'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { openProvenDoor } from '../src/ledger-tools/proven-door.ts'
import { openRpcDoor } from '../src/ledger-tools/rpc-door.ts'
import { parseLine, type Ran } from './harness.ts'
import { CHAIN_ID, hexOf, MICRO, TestNetwork } from './ledger-network.ts'
import { startRpcProxy, type Lie, type RpcProxy } from './rpc-proxy.ts'
import { runHere } from './run-here.ts'

/** Whose folder the owner has, and whose number a liar says instead. */
const [OWN, OTHER] = [2, 3] as const
const MS_MAX = 240_000
const NODE_KEYS = 7

let folder: string
let network: TestNetwork
let proxy: RpcProxy
let options: readonly string[]
let genesis: string

beforeAll(async () => {
  const temporary = join(import.meta.dirname, '..', '.tmp')
  await mkdir(temporary, { recursive: true })
  folder = await mkdtemp(join(temporary, 'proof-'))
  network = await TestNetwork.create(folder, { pace: 3 })
  await network.startAll(() => ({}))
  proxy = await startRpcProxy(`http://127.0.0.1:${network.nodes[1]!.ports.rpc}`)
  const { seeds } = network.nodes[OWN]!
  const [data, key] = [join(folder, 'data'), join(folder, 'owner.key')]
  genesis = join(folder, 'genesis.json')
  await mkdir(data)
  const files = { [join(data, 'node.key')]: seeds.node, [join(data, 'bls.key')]: seeds.bls, [key]: network.user.secretKey }
  for (const [path, secret] of Object.entries(files)) await writeFile(path, `${hexOf(secret)}\n`, { mode: 0o600 })
  await writeFile(genesis, network.genesisFile)
  options = ['--data', data, '--rpc', proxy.url, '--key', key, '--chain-id', String(CHAIN_ID)]
  await network.until(() => network.application(1).lastApplied().epoch >= 2)
}, 120_000)

afterEach(() => {
  proxy.lies = {}
  proxy.sent.length = 0
})

afterAll(async () => {
  await proxy?.stop()
  await network.stopAll()
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
})

const stakeOf = (index: number): bigint => network.application(1).state.get(nodes, index)!.stake
const stake = (...more: readonly string[]): Promise<Ran> => runHere(['ledger', 'stake', '5', ...options, ...more, '--json'])
const keyOf = (index: number): Uint8Array => sha256(createKeyPair(network.nodes[index]!.seeds.node).publicKey)
const hex = (bytes: Uint8Array): string => `0x${hexOf(bytes)}`
const bytesOf = (text: unknown): Uint8Array => new Uint8Array(Buffer.from(String(text).slice(2), 'hex'))

interface RowAnswer {
  readonly height: number
  readonly value: string | null
  readonly proof: string
  readonly stateRoot: string
}

const indexBytes = encodeField(nodeKeys.value, OTHER)

/** A tree with one leaf, the liar's: it is its own root. */
function treeOf(value: Uint8Array): { readonly root: Uint8Array; readonly proof: Uint8Array } {
  const place = sha256(Uint8Array.of(NODE_KEYS, ...keyOf(OWN)))
  const root = sha256(Uint8Array.of(...place, ...sha256(value)))
  root[0]! |= 0x80
  return { root, proof: Uint8Array.of(0, 0, 1) }
}
const strangers = Array.from({ length: 4 }, (_, i) => createBlsKeyPair(sha256(Uint8Array.of(i))))

function signedByStrangers(checkpoint: Checkpoint): Uint8Array {
  const message = checkpointSigningBytes(encodeCheckpoint(checkpoint))
  const aggregate = aggregateBls(strangers.map((each) => each.sign(message)))
  return encodeBlockCertificate({ checkpoint, signers: [0, 1, 2, 3], aggregate }, 4)
}

/** Of rows in the table of keys only. */
const ofKeys =
  (lie: Lie): Lie =>
  (result, params, ask) =>
    params[0] === NODE_KEYS ? lie(result, params, ask) : result
const row = (change: (answer: RowAnswer) => object): Lie =>
  ofKeys((result) => ({ ...(result as RowAnswer), ...change(result as RowAnswer) }))
const certificate =
  (change: (bytes: Uint8Array) => Uint8Array): Lie =>
  (result) =>
    result === null ? null : { ...(result as object), certificate: hex(change(bytesOf((result as { certificate: string }).certificate))) }

const ownRow = row(() => {
  const { root, proof } = treeOf(indexBytes)
  return { value: hex(indexBytes), proof: hex(proof), stateRoot: hex(root) }
})

/** Each makes of the owner's node another, unless it is found out. */
const LIES: Readonly<Record<string, Readonly<Record<string, Lie>>>> = {
  'another number in the row': { selvedge_proof: row(() => ({ value: hex(indexBytes) })) },
  'another node’s row, with its own proof': {
    selvedge_proof: ofKeys((_result, _params, ask) => ask('selvedge_proof', NODE_KEYS, hex(keyOf(OTHER)))),
  },
  'no such row, with the proof that there is one': { selvedge_proof: row(() => ({ value: null })) },
  'a tree of its own': { selvedge_proof: ownRow },
  'a tree of its own, in a block that strangers signed': {
    selvedge_proof: ownRow,
    selvedge_certificate: certificate((bytes) =>
      signedByStrangers({ ...checkpointOfCertificate(bytes), stateRoot: treeOf(indexBytes).root }),
    ),
  },
  'a committee of its own, which its proof of the epoch does not name': {
    selvedge_epochProofs: (result) =>
      (result as string[]).map((text) => {
        const proof = decodeEpochProof(bytesOf(text))
        const committee = strangers.map(({ publicKey }, i) => ({
          key: new Uint8Array(32).fill(i + 1),
          blsKey: publicKey,
          stake: 1,
          nodeIndex: i,
        }))
        return hex(encodeEpochProof({ ...proof, committee: encodeCommittee(committee) }))
      }),
  },
  'the certificate of another block': {
    selvedge_certificate: (result, [height], ask) => (result === null ? null : ask('selvedge_certificate', Number(height) - 1)),
  },
  'a certificate cut short': { selvedge_certificate: certificate((bytes) => bytes.subarray(0, -1)) },
}

test.each(Object.entries(LIES))(
  'a node that answers with %s is found out, and nothing is sent',
  async (_, lies) => {
    proxy.lies = lies
    const before = stakeOf(OTHER)
    const ran = await stake('--genesis', genesis)
    expect(ran.code).toBe(1)
    expect(parseLine(ran)).toMatchObject({ ok: false, error: { code: 'NODE_UNPROVEN' } })
    expect(ran.stderr).toMatch(/^selvedge: [^\n]* cannot prove what it says: [^\n]+\n$/)
    expect([proxy.sent, stakeOf(OTHER)]).toEqual([[], before])
  },
  MS_MAX,
)

test(
  'without a genesis file a node on this machine is believed: the same lie names another node',
  async () => {
    proxy.lies = LIES['another number in the row']!
    expect(parseLine(await stake('--dry-run'))).toMatchObject({ ok: true, does: expect.stringContaining(`stake of node ${OTHER}`) })
  },
  MS_MAX,
)

test(
  'what a node can prove is taken, whatever it says beside it: the right node, the account’s own nonce, what the block says became of it',
  async () => {
    const nonce = network.application(1).account(network.user.address).nonce
    proxy.lies = {
      eth_getTransactionCount: (result, [, name]) => (name === 'pending' ? `0x${(BigInt(String(result)) + 1n).toString(16)}` : result),
      selvedge_getReceipt: (result) =>
        result === null ? null : { ...(result as object), code: 0, events: [{ kind: 'node', state: 0, stake: '1' }] },
    }
    const before = stakeOf(OWN)
    const ran = await stake('--genesis', genesis, '--hash', hexOf(network.genesis.hash))
    expect(parseLine(ran)).toMatchObject({ ok: true, nodeIndex: OWN, state: 'Active', stake: String(before + 5n * MICRO) })
    expect(proxy.sent.map((bytes) => decodeTransaction(bytesOf(bytes)))).toMatchObject([{ transaction: { nonce } }])
    await network.until(() => stakeOf(OWN) === before + 5n * MICRO)
    const status = await runHere(['ledger', 'status', ...options.slice(0, 4), '--genesis', genesis, '--json'])
    expect(parseLine(status)).toMatchObject({ ok: true, nodeIndex: OWN, owner: hex(network.nodes[OWN]!.owner.address) })
  },
  MS_MAX,
)

test.each<readonly [string, Lie]>([
  ['changed', (result) => ({ ...(result as object), receipt: `${(result as { receipt: string }).receipt.slice(0, -2)}99` })],
  ['of another transaction', async (_, __, ask) => ask('selvedge_receiptProof', await firstTransaction(ask))],
])(
  'a receipt that was %s is found out',
  async (_, lie) => {
    proxy.lies = { selvedge_receiptProof: lie }
    expect(parseLine(await stake('--genesis', genesis))).toMatchObject({ ok: false, error: { code: 'NODE_UNPROVEN' } })
  },
  MS_MAX,
)

/** The newest transaction of an account that the ledger has executed, before this test's own. */
async function firstTransaction(ask: (method: string, ...params: readonly unknown[]) => Promise<unknown>): Promise<string> {
  for (let height = network.heightOf(1); height > 0; height--) {
    const { transactions } = (await ask('eth_getBlockByNumber', `0x${height.toString(16)}`)) as { transactions: string[] }
    const other = transactions.find((id) => id !== hex(transactionId(bytesOf(proxy.sent.at(-1)))))
    if (other !== undefined) return other
  }
  return expect.unreachable('an earlier test has sent one')
}

test('a node that has no certificate for what it says is given up', async () => {
  proxy.lies = { selvedge_certificate: () => null }
  const { signal } = new AbortController()
  const trust = { chainId: CHAIN_ID, epoch: 0, committee: committeeOfGenesis(network.genesis) }
  const door = openProvenDoor(openRpcDoor(proxy.url, signal), trust, signal, { proofMsMax: 1 })
  await expect(door.row(nodeKeys, keyOf(OWN))).rejects.toMatchObject({
    code: 'NODE_UNPROVEN',
    message: expect.stringContaining('it has no certificate'),
  })
})

test('what cannot be checked is wrong use: another machine without a genesis file, another file, another chain, a pin alone', async () => {
  const far = options.with(3, 'http://192.0.2.1:8545')
  const [remote, hash, chain, pin] = [
    await runHere(['ledger', 'stake', '5', ...far]),
    await stake('--genesis', genesis, '--hash', '00'.repeat(32)),
    await runHere(['ledger', 'stake', '5', ...options.with(7, '7'), '--genesis', genesis]),
    await stake('--pin', genesis),
  ]
  expect(remote).toMatchObject({ code: 2, stderr: expect.stringContaining('is another machine') })
  expect(hash).toMatchObject({ code: 2, stderr: expect.stringContaining('not the pinned') })
  expect(chain).toMatchObject({ code: 2, stderr: expect.stringContaining('the genesis file is of chain 1337, not 7') })
  expect(pin).toMatchObject({ code: 2, stderr: expect.stringContaining('--genesis names') })
  expect(proxy.sent).toEqual([])
})
