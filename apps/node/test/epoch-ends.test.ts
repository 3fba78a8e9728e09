// Goal: a light client that asks a node which is no archive proves rows, and that there are none, as the last two epochs left them, against what
// their committees signed; and hears of which blocks it can.
// Method: the real state machine closes three epochs, members of genesis sign their last blocks, and the client follows them over HTTP from the
// genesis file alone.
import { createApplication, createMemoryStore, type Application, type BlockItem } from '@selvedge/application'
import { aggregateBls, type BlsKeyPair, createBlsKeyPair } from '@selvedge/crypto/bls'
import {
  checkpointSigningBytes,
  decodeCheckpoint,
  encodeBlockCertificate,
  encodeSystemMessage,
  LedgerError,
  type Checkpoint,
} from '@selvedge/ledger-types'
import { createLightClientOfGenesis, verifyState } from '@selvedge/ledger-types/light-client'
import { createRpcServer } from '@selvedge/rpc'
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { evidenceRules } from '../src/ledger/evidence-rules.ts'
import { createRpcView } from '../src/ledger/rpc-view.ts'
import { ask, bytesOf, hexOf } from '../src/ledger-devnet/rpc-client.ts'
import { signed, TestNetwork } from './ledger-network.ts'

const ACCOUNTS = 2
const RECEIVER = new Uint8Array(20).fill(9)
const NOBODY = new Uint8Array(20).fill(8)
const WEI = 10n ** 12n

interface Proved {
  readonly height: number
  readonly stateRoot: string
  readonly value: string | null
  readonly proof: string
}

function execute(application: Application, items: readonly BlockItem[], timestampMs: number): ReturnType<Application['execute']> {
  const { epoch, index } = application.lastApplied()
  return application.execute({ epoch, index: index + 1, digest: new Uint8Array(32).fill(index), timestampMs, items })
}

/** A block in which all members are ready at the epoch's planned end, signed by all of them. */
function endEpoch(application: Application, keys: readonly BlsKeyPair[]): number {
  const { epoch, timestampMs, start } = application.lastApplied()
  const { committee, endMs } = application.view()
  application.provideSnapshotRoot(start.height, new Uint8Array(32).fill(1)) // which a checkpoint of so short an epoch waits for
  const bytes = encodeSystemMessage({ kind: 'readyToClose', epoch })
  const ready = committee.map(({ authority }): BlockItem => ({ type: 'system', author: authority, bytes }))
  const { checkpoint, height } = execute(application, ready, Math.max(timestampMs, endMs))
  const message = checkpointSigningBytes(checkpoint!)
  const aggregate = aggregateBls(committee.map(({ nodeIndex }) => keys[nodeIndex]!.sign(message)))
  const signers = committee.map(({ authority }) => authority)
  const certificate = { checkpoint: decodeCheckpoint(checkpoint!), signers, aggregate }
  application.addCertificate(height, encodeBlockCertificate(certificate, committee.length))
  return height
}

test('a light client proves over HTTP what the last two epochs left, on a node that is no archive', async () => {
  const network = await TestNetwork.create('nowhere', { pace: 1 })
  const { genesis, genesisFile, nodes, user } = network
  const application = createApplication({ store: createMemoryStore(), evidenceRules }, { genesis })
  const keys = nodes.map(({ seeds }) => createBlsKeyPair(seeds.bls))
  const pay = (): void => {
    const { nonce } = application.account(user.address)
    const transactions = [signed(user, nonce, RECEIVER, 1_000_000n)]
    execute(application, [{ type: 'transactions', author: 0, transactions }], application.lastApplied().timestampMs + 5)
  }
  const ends: { readonly height: number; readonly balance: bigint }[] = []
  for (let epoch = 0; epoch < 3; epoch++) {
    pay()
    ends.push({ height: endEpoch(application, keys), balance: application.balance(RECEIVER, 0) })
  }
  for (let i = 0; i < 3; i++) pay()

  const node = { peerCount: () => 0, readiness: () => ({ ready: true }) as const }
  const ledger = createRpcView(application, genesis.timeMs)
  await using server = createRpcServer({ ledger, submitter: { submit: async () => undefined }, node })
  await server.start()
  const port = Number(new URL(server.url).port)

  const client = createLightClientOfGenesis(genesisFile, createHash('sha256').update(genesisFile).digest())
  const proofs = (await ask(port, 'selvedge_epochProofs', 0)) as string[]
  const checkpoints = proofs.map((proof) => client.advance(bytesOf(proof)))
  expect(checkpoints.map(({ height }) => height)).toEqual(ends.map(({ height }) => height))
  const [first, ...kept] = ends as [(typeof ends)[0], ...typeof ends]
  const head = application.lastApplied().height
  expect(await ask(port, 'selvedge_nodeInfo')).toMatchObject({ states: { from: head, epochEnds: kept.map(({ height }) => height) } })

  const check = async (name: number | string, checkpoint: Checkpoint, balance: bigint): Promise<void> => {
    const proved = (await ask(port, 'selvedge_proof', ACCOUNTS, hexOf(RECEIVER), name)) as Proved
    expect([proved.height, proved.stateRoot]).toEqual([checkpoint.height, hexOf(checkpoint.stateRoot)])
    const [value, proof] = [bytesOf(proved.value!), bytesOf(proved.proof)]
    verifyState(checkpoint, { table: ACCOUNTS, key: RECEIVER, value }, proof)
    const other = value.slice()
    other[0]! ^= 1
    expect(() => verifyState(checkpoint, { table: ACCOUNTS, key: RECEIVER, value: other }, proof)).toThrow(LedgerError)
    const absent = (await ask(port, 'selvedge_proof', ACCOUNTS, hexOf(NOBODY), name)) as Proved
    verifyState(checkpoint, { table: ACCOUNTS, key: NOBODY, value: undefined }, bytesOf(absent.proof))
    const block = typeof name === 'number' ? `0x${name.toString(16)}` : name
    expect(BigInt((await ask(port, 'eth_getBalance', hexOf(RECEIVER), block)) as string)).toBe(balance * WEI)
    const { certificate } = (await ask(port, 'selvedge_certificate', name)) as { certificate: string }
    expect(certificate).toContain(hexOf(checkpoint.stateRoot).slice(2)) // the last block's certificate stays when the block goes
  }
  for (const [i, { height, balance }] of kept.entries()) await check(height, checkpoints[i + 1]!, balance)
  await check('epochEnd', checkpoints[2]!, kept[1]!.balance)
  expect(kept.map(({ balance }) => balance)).toEqual([2_000_000n, 3_000_000n])

  const named = kept.map(({ height }) => `${height} (end of an epoch)`).join(', ')
  const refusal = `not an archive node: no state of block ${first.height} is kept, but of ${named}, ${head} (the newest)`
  await expect(ask(port, 'selvedge_proof', ACCOUNTS, hexOf(RECEIVER), first.height)).rejects.toThrow(refusal)
  await expect(ask(port, 'eth_getBalance', hexOf(RECEIVER), `0x${(head - 1).toString(16)}`)).rejects.toThrow(
    `no state of block ${head - 1} is kept`,
  )
})
