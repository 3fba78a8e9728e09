import { createApplication, createMemoryStore, createStateImport, type Application } from '@selvedge/application'
import {
  createSnapshotReader,
  encodeTokenCall,
  signAccountTransaction,
  tokenAddress,
  type Genesis,
  ZERO_DIGEST,
} from '@selvedge/ledger-types'
import { createRpcServer } from '@selvedge/rpc'
import { verifyState } from '@selvedge/ledger-types/light-client'
import { decodeEventLog, encodeEventTopics, erc20Abi, toHex } from 'viem'
import { expect, test } from 'vitest'
import { evidenceRules } from '../src/ledger/evidence-rules.ts'
import { createRpcView } from '../src/ledger/rpc-view.ts'
import type { Wallet } from '../src/ledger-devnet/setup.ts'
import { CHAIN_ID, TestNetwork } from './ledger-network.ts'

test('a node that has just taken over a state knows its head, before the first block comes', async () => {
  const { genesis } = await TestNetwork.create('nowhere', { pace: 1 })
  const source = createApplication({ store: createMemoryStore(), evidenceRules }, { genesis })
  source.execute({ epoch: 0, index: 1, digest: new Uint8Array(32), timestampMs: genesis.timeMs + 5, items: [] })
  const snapshot = source.openSnapshot()
  const store = createMemoryStore()
  const [importer, reader] = [createStateImport({ store }), createSnapshotReader()]
  for (const piece of snapshot.pieces()) importer.add(reader.push(piece))
  importer.finish(reader.header!)
  const view = createRpcView(createApplication({ store, evidenceRules }, { genesis }), genesis.timeMs)
  const { height, blockDigest, stateRoot, timestampMs } = source.lastApplied()
  expect(view.head()).toMatchObject({ height, digest: blockDigest, stateRoot, timestampMs })
  expect(view.header(height)).toBeUndefined()
})

const RECEIVER = new Uint8Array(20).fill(9)
const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString('hex')}`
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.slice(2), 'hex'))

/** Asks a server over `application` without a network between. @returns the result, or the error's code and words. */
function asking(application: Application, genesis: Genesis): (method: string, ...params: unknown[]) => Promise<unknown> {
  const node = { peerCount: () => 0, readiness: () => ({ ready: true }) as const }
  const server = createRpcServer({ ledger: createRpcView(application, genesis.timeMs), submitter: { submit: async () => undefined }, node })
  return async (method, ...params) => {
    const answer = JSON.parse((await server.answer(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })))!) as {
      result?: unknown
      error?: { code: number; message: string }
    }
    return answer.error === undefined ? answer.result : [answer.error.code, answer.error.message]
  }
}

/** A block with one transaction of `user`. */
function executeOne(application: Application, user: Wallet, call: { to: Uint8Array; value: bigint; data: Uint8Array }): void {
  const { index, timestampMs, epoch } = application.lastApplied()
  const fees = { maxPriorityFeePerGas: 0n, maxFeePerGas: 10n ** 13n, gasLimit: 100_000n }
  const nonce = application.account(user.address).nonce
  const bytes = signAccountTransaction({ form: 'eip1559', chainId: CHAIN_ID, nonce, ...fees, ...call }, user.secretKey)
  const items = [{ type: 'transactions' as const, author: 0, transactions: [bytes] }]
  application.execute({ epoch, index: index + 1, digest: new Uint8Array(32).fill(index), timestampMs: timestampMs + 5, items })
}

/** One block for each of `count` transfers of 1 native to the receiver. */
function executeTransfers(application: Application, user: Wallet, count: number): void {
  for (let i = 0; i < count; i++) executeOne(application, user, { to: RECEIVER, value: 10n ** 18n, data: new Uint8Array() })
}

test('an archive answers for the state of every block, by number and by hash, with proofs; another node says that it is none', async () => {
  const network = await TestNetwork.create('nowhere', { pace: 1 })
  const { genesis, user } = network
  const open = (isArchive: boolean): Application => {
    const application = createApplication({ store: createMemoryStore(), evidenceRules }, { genesis, isArchive })
    executeTransfers(application, user, 6)
    return application
  }
  const archive = open(true)
  const ask = asking(archive, genesis)
  const view = { to: hex(tokenAddress(1)), data: hex(encodeTokenCall(1, 'balanceOf', { account: user.address }).data) }
  const now = await ask('eth_call', view, 'latest')
  expect(now).toMatch(/^0x[0-9a-f]{64}$/)
  for (let height = 0; height <= 6; height++) {
    const { hash } = (await ask('eth_getBlockByNumber', `0x${height.toString(16)}`, false)) as { hash: string }
    for (const block of [`0x${height.toString(16)}`, { blockHash: hash }]) {
      expect(BigInt((await ask('eth_getBalance', hex(RECEIVER), block)) as string)).toBe(BigInt(height) * 10n ** 18n)
      expect(await ask('eth_getTransactionCount', hex(user.address), block)).toBe(`0x${height.toString(16)}`)
      expect(await ask('eth_call', view, block)).toBe(now)
    }
    const proved = (await ask('selvedge_proof', 2, hex(RECEIVER), height)) as { stateRoot: string; value: string | null; proof: string }
    const value = proved.value === null ? undefined : bytesOf(proved.value)
    expect(value === undefined).toBe(height === 0)
    verifyState({ stateRoot: bytesOf(proved.stateRoot) }, { table: 2, key: RECEIVER, value }, bytesOf(proved.proof))
    const certified = archive.history.recordOf(height)?.checkpoint
    if (certified !== undefined) expect(hex(certified)).toContain(proved.stateRoot.slice(2))
  }
  const askPlain = asking(open(false), genesis)
  const none = [-32_001, 'not an archive node: no state of block 3 is kept, but of 0 (genesis), 6 (the newest)']
  expect(await askPlain('eth_getBalance', hex(RECEIVER), '0x3')).toEqual(none)
  expect(await askPlain('selvedge_proof', 2, hex(RECEIVER), 3)).toEqual(none)
  for (const name of ['epochEnd', 'earliest']) expect(await askPlain('eth_getBalance', hex(RECEIVER), name)).toBe('0x0')
  const atGenesis = await ask('selvedge_proof', 2, hex(user.address), 0)
  expect(atGenesis).toMatchObject({ height: 0, stateRoot: hex(archive.stateAt(0)!.stateRoot()) })
  expect(await askPlain('selvedge_proof', 2, hex(user.address), 'epochEnd')).toEqual(atGenesis) // in the first epoch it is genesis
  const rootOf = async (of: typeof ask): Promise<unknown> =>
    ((await of('eth_getBlockByNumber', '0x0', false)) as { stateRoot: string }).stateRoot
  expect([await rootOf(ask), await rootOf(askPlain)]).toEqual([hex(archive.stateAt(0)!.stateRoot()), hex(ZERO_DIGEST)]) // though it could make it now
  expect(await askPlain('eth_getBalance', hex(RECEIVER), '0x7')).toEqual([-32_000, 'header not found'])
  expect(await askPlain('selvedge_proof', 2, hex(RECEIVER), 7)).toEqual([-32_000, 'header not found'])
})

test('only rows of the state are shown, whatever number a stranger gives a table', async () => {
  const { genesis, user } = await TestNetwork.create('nowhere', { pace: 1 })
  const application = createApplication({ store: createMemoryStore(), evidenceRules }, { genesis, isArchive: true })
  executeTransfers(application, user, 2)
  const ask = asking(application, genesis)
  const name = hex(new TextEncoder().encode('stateRoot')) // where the store keeps it for itself, space 72
  for (const height of [1, 2]) {
    expect(await ask('selvedge_proof', 72, name, height)).toMatchObject({ value: null })
    expect(await ask('selvedge_proof', 0, '0x', height)).toMatchObject({ value: null })
    expect(await ask('selvedge_proof', 2, `0x${'11'.repeat(256)}`, height)).toMatchObject({ value: null })
  }
  expect(await ask('selvedge_proof', 2, `0x${'11'.repeat(257)}`)).toEqual([-32_602, 'parameter 1 must be at most 256 bytes'])
})

interface Log {
  readonly address: string
  readonly topics: [`0x${string}`, ...`0x${string}`[]]
  readonly data: `0x${string}`
  readonly blockNumber: string
  readonly blockHash: string
  readonly transactionHash: string
  readonly logIndex: string
}

test('a token that the ledger moved is a log, as wallets read it; what failed, and native money, are none', async () => {
  const { genesis, user } = await TestNetwork.create('nowhere', { pace: 1 })
  const application = createApplication({ store: createMemoryStore(), evidenceRules }, { genesis, isArchive: true })
  const moveToken = (amount: bigint): void =>
    executeOne(application, user, { value: 0n, ...encodeTokenCall(1, 'transfer', { to: RECEIVER, amount }) })
  moveToken(5n)
  executeTransfers(application, user, 1)
  moveToken(10n ** 15n)
  moveToken(7n)
  const ask = asking(application, genesis)
  const logsOf = async (filter: object): Promise<Log[]> =>
    (await ask('eth_getLogs', { fromBlock: '0x0', toBlock: 'latest', ...filter })) as Log[]
  const logs = await logsOf({})
  const read = logs.map(({ topics, data }) => decodeEventLog({ abi: erc20Abi, eventName: 'Transfer', topics, data }).args)
  expect(read.map(({ from, to, value }) => [from.toLowerCase(), to.toLowerCase(), value])).toEqual([
    [hex(user.address), hex(RECEIVER), 5n],
    [hex(user.address), hex(RECEIVER), 7n],
  ])
  expect(logs.map(({ address, blockNumber, logIndex }) => [address, blockNumber, logIndex])).toEqual([
    [hex(tokenAddress(1)), '0x1', '0x0'],
    [hex(tokenAddress(1)), '0x4', '0x0'],
  ])
  for (const log of logs) {
    expect(await ask('eth_getBlockByNumber', log.blockNumber, false)).toMatchObject({
      hash: log.blockHash,
      transactions: [log.transactionHash],
    })
    expect(await ask('eth_getTransactionReceipt', log.transactionHash)).toMatchObject({ status: '0x1', logs: [log] })
    expect(await logsOf({ fromBlock: undefined, toBlock: undefined, blockHash: log.blockHash })).toEqual([log])
  }
  const { transactions } = (await ask('eth_getBlockByNumber', '0x3', false)) as { transactions: string[] }
  expect(await ask('eth_getTransactionReceipt', transactions[0])).toMatchObject({ status: '0x0', logs: [] })
  const topicsTo = (to: Uint8Array): unknown => encodeEventTopics({ abi: erc20Abi, eventName: 'Transfer', args: { to: toHex(to) } })
  expect(await logsOf({ address: hex(tokenAddress(1)), topics: topicsTo(RECEIVER) })).toEqual(logs)
  expect(await logsOf({ topics: topicsTo(user.address) })).toEqual([])
  expect(await logsOf({ address: hex(tokenAddress(2)) })).toEqual([])
})
