/** What wallets rarely ask, and where the ledger's answer differs from a chain's with mining, forks and contracts. */
import { encodeTokenCall, signNodeTransaction, tokenAddress } from '@selvedge/ledger-types'
import { bytesToHex, decodeErrorResult, hexToBytes, parseAbi, parseGwei } from 'viem'
import { describe, expect, test } from 'vitest'
import { alice, ask, bob, clientsOf, executed, poor, serve, type Stage } from './support.ts'

const TOKEN = bytesToHex(tokenAddress(1))
const SYSTEM = bytesToHex(new TextEncoder().encode('selvedge/system\0\0\0\0\0'))
const from = hexToBytes(alice.address)
const to = hexToBytes(bob.address)
const transferOf = (amount: bigint, token = 1) => ({ kind: 'transfer', token, from, to, amount }) as const

async function faultOf({ server }: Stage, method: string, params: unknown): Promise<unknown> {
  const { error } = await ask(server.url, method, params)
  return error === undefined ? undefined : [error.code, error.message]
}

test('methods that are not served say so, whatever Ethereum calls them', async () => {
  const stage = await serve()
  const names = [
    'eth_fillTransaction',
    'eth_sendTransaction',
    'eth_accounts',
    'eth_mining',
    'eth_syncing',
    'eth_newFilter',
    'eth_getStorageAt',
  ]
  for (const name of [...names, 'eth_getProof', 'admin_peers', 'debug_traceTransaction', '__proto__', 'toString'])
    expect(await faultOf(stage, name, [])).toEqual([-32_601, `the method ${name} does not exist/is not available`])
  expect(await faultOf(stage, 'eth_subscribe', ['newHeads'])).toEqual([-32_601, 'notifications not supported: ask by WebSocket'])
})

test.each([
  ['eth_getBalance', []],
  ['eth_getBalance', ['0x12']],
  ['eth_getBalance', [`0x${'g'.repeat(40)}`]],
  ['eth_getBalance', [1]],
  ['eth_getBalance', [alice.address, 'newest']],
  ['eth_getBalance', [alice.address, '0x01']],
  ['eth_getBalance', [alice.address, '0x']],
  ['eth_getBalance', [alice.address, 7]],
  ['eth_getBalance', [alice.address, `0x${'f'.repeat(65)}`]],
  ['eth_getBalance', [alice.address, { blockHash: '0x12' }]],
  ['eth_getBalance', [alice.address, { blockHash: `0x${'0'.repeat(64)}`, blockNumber: '0x1' }]],
  ['eth_getBalance', [alice.address, 'latest', 'more']],
  ['eth_chainId', [1]],
  ['eth_getBlockByNumber', ['latest', 'yes']],
  ['eth_getTransactionReceipt', ['0x1234']],
  ['eth_sendRawTransaction', ['hello']],
  ['eth_sendRawTransaction', []],
  ['eth_call', ['0x']],
  ['eth_call', [{ to: TOKEN, data: '0x1', input: '0x2' }]],
  ['eth_estimateGas', [{ to: TOKEN, value: 1 }]],
  ['eth_feeHistory', ['0x1', 'latest', [50, 25]]],
  ['eth_feeHistory', ['0x1', 'latest', [101]]],
  ['eth_feeHistory', ['0x1', 'latest', ['25']]],
  ['eth_getLogs', [[]]],
  ['eth_getLogs', [{ topics: 'Transfer' }]],
  ['eth_getLogs', [{ topics: [1] }]],
  ['eth_getLogs', [{ topics: [null, null, null, null, null] }]],
  ['eth_getLogs', [{ address: Array.from({ length: 101 }, () => TOKEN) }]],
  ['eth_getLogs', [{ fromBlock: '0x5', toBlock: '0x4' }]],
  ['eth_getLogs', [{ blockHash: `0x${'0'.repeat(64)}`, fromBlock: '0x1' }]],
])('%s %j is refused as invalid parameters', async (method, params) => {
  const stage = await serve()
  expect(await faultOf(stage, method, params)).toEqual([-32_602, expect.any(String)])
})

describe('the past', () => {
  test('state, blocks, receipts and logs older than what is kept are -32001', async () => {
    const stage = await serve()
    const { wallet } = clientsOf(stage)
    const hash = await wallet.sendTransaction({ to: bob.address, value: 10n ** 12n })
    await executed(clientsOf(stage), hash)
    stage.ledger.produce()
    stage.ledger.oldest = 2
    const fault = [-32_001, 'not an archive node']
    const stateFault = [-32_001, 'not an archive node: no state of block 1 is kept, but of 2 (the newest)']
    expect(await faultOf(stage, 'eth_getBalance', [alice.address, '0x1'])).toEqual(stateFault)
    expect(await faultOf(stage, 'eth_getBlockByNumber', ['0x1', false])).toEqual(fault)
    expect(await faultOf(stage, 'eth_getBlockByNumber', ['earliest', false])).toEqual(fault)
    expect(await faultOf(stage, 'eth_getLogs', [{ fromBlock: '0x1' }])).toEqual(fault)
    expect(await faultOf(stage, 'eth_feeHistory', ['0x2', '0x1', []])).toEqual(fault)
    expect(await faultOf(stage, 'selvedge_proof', [2, alice.address, 1])).toEqual(stateFault)
    expect(await faultOf(stage, 'eth_getBalance', [alice.address, '0x2'])).toBeUndefined()
  })

  test('what is not yet, or never was, is null or a refusal, not an error of the node', async () => {
    const stage = await serve()
    const none = `0x${'ab'.repeat(32)}`
    expect((await ask(stage.server.url, 'eth_getBlockByNumber', ['0x99', false])).result).toBeNull()
    expect((await ask(stage.server.url, 'eth_getBlockByHash', [none, false])).result).toBeNull()
    expect((await ask(stage.server.url, 'eth_getTransactionByHash', [none])).result).toBeNull()
    expect((await ask(stage.server.url, 'eth_getTransactionReceipt', [none])).result).toBeNull()
    expect(await faultOf(stage, 'eth_getBalance', [alice.address, '0x99'])).toEqual([-32_000, 'header not found'])
    expect(await faultOf(stage, 'eth_getLogs', [{ blockHash: none }])).toEqual([-32_000, 'unknown block'])
    expect((await ask(stage.server.url, 'eth_getLogs', [{ fromBlock: '0x98', toBlock: '0x99' }])).result).toEqual([])
  })

  test('a block may be named by its hash', async () => {
    const stage = await serve()
    const blockHash = bytesToHex(stage.ledger.genesisHash)
    expect((await ask(stage.server.url, 'eth_getBalance', [alice.address, { blockHash, requireCanonical: true }])).result).toBe(
      '0x8ac7230489e80000',
    )
    expect((await ask(stage.server.url, 'eth_getBalance', [alice.address, { blockNumber: '0x0' }])).result).toBe('0x8ac7230489e80000')
  })
})

describe('calls', () => {
  const call = (data: Uint8Array, address = TOKEN) => [{ to: address, data: bytesToHex(data) }]
  const wordsOf = (error: { data?: unknown } | undefined): unknown => {
    const errorAbi = parseAbi(['error Error(string)'])
    return decodeErrorResult({ abi: errorAbi, data: error?.data as `0x${string}` }).args[0]
  }

  test('that are no view, or not their own encoding, revert in the words of the ledger', async () => {
    const { server } = await serve()
    const { data } = encodeTokenCall(1, 'balanceOf', { account: from })
    const dirty = data.slice()
    dirty[4] = 1 // in the padding of the address
    const cases: [unknown, string][] = [
      [call(encodeTokenCall(1, 'transfer', { to, amount: 1n }).data), 'not supported'],
      [call(encodeTokenCall(1, 'approve', { spender: to, amount: 1n }).data), 'not supported'],
      [call(dirty), 'ABI'],
      [call(data.slice(0, -1)), 'ABI'],
      [call(Uint8Array.of(...data, 0)), 'ABI'],
      [call(Uint8Array.of(1, 2, 3, 4)), 'ABI'],
      [call(data, bytesToHex(tokenAddress(9))), 'not found'],
      [call(Uint8Array.of(1, 2, 3, 4), SYSTEM), 'ABI'],
    ]
    for (const [params, words] of cases) {
      const { error } = await ask(server.url, 'eth_call', params)
      expect([error?.code, error?.message, wordsOf(error)]).toEqual([3, `execution reverted: ${words}`, words])
    }
  })

  test('to an address without code answer nothing, as everywhere', async () => {
    const { server } = await serve()
    for (const params of [[{ to: bob.address }], call(Uint8Array.of(1, 2, 3, 4), bob.address), [{ to: TOKEN }]])
      expect((await ask(server.url, 'eth_call', params)).result).toBe('0x')
  })

  test('an estimate looks at everything that sending looks at', async () => {
    const stage = await serve()
    const estimate = (fields: object) => faultOf(stage, 'eth_estimateGas', [{ from: alice.address, to: bob.address, ...fields }])
    expect(await estimate({ value: '0x1' })).toEqual([-32_000, 'value not a multiple of 10^12 wei'])
    expect(await estimate({ gas: '0x5207' })).toEqual([-32_000, 'intrinsic gas too low'])
    expect(await estimate({ gas: '0x5208' })).toBeUndefined()
    expect(await estimate({ gasPrice: '0x1' })).toEqual([-32_000, 'max fee per gas less than block base fee'])
    expect(await estimate({ maxFeePerGas: `0x${parseGwei('100').toString(16)}` })).toBeUndefined()
    expect(await estimate({ from: poor.address })).toEqual([-32_000, 'insufficient funds for gas * price + value'])
    expect(await estimate({ to: null, data: '0x6001' })).toEqual([-32_000, 'type'])
    expect(await estimate({ accessList: [{ address: bob.address, storageKeys: [] }] })).toEqual([-32_000, 'type'])
    expect(await estimate({ data: '0x01020304' })).toEqual([3, 'execution reverted: no contract there'])
    expect(await estimate({ to: SYSTEM, value: '0xe8d4a51000' })).toEqual([3, 'execution reverted: no contract there'])
  })
})

describe('logs', () => {
  test('are found by every way to name address and topics, in order, with their places', async () => {
    const stage = await serve()
    stage.ledger.produce([transferOf(1n), transferOf(2n, 2), transferOf(3n, 0)])
    stage.ledger.produce()
    stage.ledger.produce([transferOf(4n)])
    const amounts = async (filter: object): Promise<unknown> => {
      const { result } = await ask(stage.server.url, 'eth_getLogs', [{ fromBlock: 'earliest', ...filter }])
      return (result as { data: string; blockNumber: string; logIndex: string }[]).map((log) => [
        Number(log.data),
        Number(log.blockNumber),
        Number(log.logIndex),
      ])
    }
    const all = [
      [1, 1, 0],
      [2, 1, 1],
      [4, 3, 0],
    ] // prettier-ignore
    const topic = (address: Uint8Array) => `0x${'0'.repeat(24)}${bytesToHex(address).slice(2).toUpperCase()}`
    expect(await amounts({})).toEqual(all)
    expect(await amounts({ address: [] })).toEqual(all)
    expect(await amounts({ topics: [null, topic(from), [topic(from), topic(to)]] })).toEqual(all)
    expect(await amounts({ address: TOKEN.toUpperCase().replace('0X', '0x') })).toEqual([
      [1, 1, 0],
      [4, 3, 0],
    ]) // prettier-ignore
    expect(await amounts({ address: [TOKEN, bytesToHex(tokenAddress(2))], toBlock: '0x1' })).toEqual(all.slice(0, 2))
    expect(await amounts({ fromBlock: '0x2' })).toEqual(all.slice(2))
    expect(await amounts({ topics: [topic(from)] })).toEqual([])
    expect(await amounts({ topics: [null, topic(to)] })).toEqual([])
    for (const fourth of [topic(to), null]) expect(await amounts({ topics: [null, null, null, fourth] })).toEqual([]) // a Transfer has three
    const blockHash = bytesToHex(stage.ledger.head().digest)
    const { result } = await ask(stage.server.url, 'eth_getLogs', [{ blockHash }])
    expect(result).toMatchObject([{ blockHash, transactionHash: `0x${'0'.repeat(64)}`, removed: false }])
  })

  test('a block with logs has a bloom that sends no searcher past it, one without has an empty one', async () => {
    const stage = await serve()
    stage.ledger.produce([transferOf(1n)])
    stage.ledger.produce([transferOf(1n, 0)])
    const bloom = async (height: string) =>
      ((await ask(stage.server.url, 'eth_getBlockByNumber', [height, false])).result as { logsBloom: string }).logsBloom
    expect([await bloom('0x1'), await bloom('0x2')]).toEqual([`0x${'f'.repeat(512)}`, `0x${'0'.repeat(512)}`])
  })

  test('a search has a limit of blocks and of results, and says which', async () => {
    const stage = await serve()
    for (let i = 0; i < 2; i++) stage.ledger.produce(Array.from({ length: 5_001 }, () => transferOf(1n)))
    expect(await faultOf(stage, 'eth_getLogs', [{ fromBlock: '0x0' }])).toEqual([-32_005, 'query returned more than 10000 results'])
    expect((await ask(stage.server.url, 'eth_getLogs', [{ fromBlock: '0x2' }])).result).toHaveLength(5_001)
    while (stage.ledger.head().height < 10_000) stage.ledger.produce()
    expect(await faultOf(stage, 'eth_getLogs', [{ fromBlock: '0x0' }])).toEqual([-32_005, 'a search covers at most 10000 blocks'])
    expect((await ask(stage.server.url, 'eth_getLogs', [{ fromBlock: '0x3', toBlock: '0x2712' }])).result).toEqual([])
  })
})

test('the fee history goes back as far as there are blocks, and no further than its limit', async () => {
  const stage = await serve()
  const history = async (...params: unknown[]) => (await ask(stage.server.url, 'eth_feeHistory', params)).result
  expect(await history('0x5', 'latest')).toEqual({ oldestBlock: '0x0', baseFeePerGas: ['0x174876e800', '0x174876e800'], gasUsedRatio: [0] })
  expect(await history('0x0', 'latest', [])).toEqual({ oldestBlock: '0x0', gasUsedRatio: [] })
  while (stage.ledger.head().height < 1_100) stage.ledger.produce()
  expect(await history('0x400', 'latest')).toMatchObject({ oldestBlock: '0x4d' })
  expect(((await history('0x400', '0x44c')) as { baseFeePerGas: unknown[] }).baseFeePerGas).toHaveLength(1_025)
  expect(await faultOf(stage, 'eth_feeHistory', ['0x401', 'latest'])).toEqual([-32_005, 'at most 1024 blocks of fee history'])
  expect(await faultOf(stage, 'eth_feeHistory', ['0x1', '0xffff'])).toEqual([-32_000, 'request beyond head block'])
})

describe('sending', () => {
  test('what is no transaction is refused by its code', async () => {
    const stage = await serve()
    const refuse = (bytes: string) => faultOf(stage, 'eth_sendRawTransaction', [bytes])
    expect(await refuse('0x')).toEqual([-32_000, 'malformed'])
    expect(await refuse('0x0102')).toEqual([-32_000, 'malformed'])
    expect(await refuse(`0x02${'00'.repeat(70_000)}`)).toEqual([-32_000, 'malformed'])
    const foreign = await alice.signTransaction({
      chainId: 1,
      to: bob.address,
      gas: 21_000n,
      maxFeePerGas: parseGwei('200'),
      nonce: 0,
      type: 'eip1559',
    })
    expect(await refuse(foreign)).toEqual([-32_000, 'chain id'])
    const creation = await alice.signTransaction({
      chainId: 1_337,
      data: '0x6001',
      gas: 99_000n,
      maxFeePerGas: parseGwei('200'),
      nonce: 0,
      type: 'eip1559',
    })
    expect(await refuse(creation)).toEqual([-32_000, 'type'])
  })

  test('what is ahead is checked as far as it can be, funds of the whole row included', async () => {
    const stage = await serve({}, { isAutomatic: false })
    const { wallet } = clientsOf(stage, bob) // 1 native
    const fields = { to: alice.address, gas: 21_000n, maxFeePerGas: parseGwei('200'), maxPriorityFeePerGas: 0n }
    const send = (more: object) => wallet.sendTransaction({ ...fields, ...more } as typeof fields)
    const half = 5n * 10n ** 17n
    await send({ nonce: 0, value: half })
    await expect(send({ nonce: 1, value: half })).rejects.toThrow('insufficient funds')
    await expect(send({ nonce: 1, value: half / 2n, gas: 20_999n })).rejects.toThrow('intrinsic gas too low')
    await expect(send({ nonce: 1, value: half / 2n, maxFeePerGas: parseGwei('99') })).rejects.toThrow('less than block base fee')
    await expect(send({ nonce: 1, value: 1n })).rejects.toThrow('not a multiple of 10^12 wei')
    await send({ nonce: 1, value: half / 2n })
    await expect(send({ nonce: 1, value: half / 2n })).rejects.toThrow('already known')
    await expect(send({ nonce: 1, value: half / 4n })).rejects.toThrow('replacement transaction underpriced')
    await expect(send({ nonce: 17, value: 0n })).rejects.toThrow('nonce too high')
    expect(stage.server.load.poolTransactions).toBe(2)
  })

  test('a fee that rises over the cap and falls again loses nothing', async () => {
    let nowMs = 0
    const stage = await serve({ nowMs: () => nowMs }, { isAutomatic: false })
    const { reader, wallet } = clientsOf(stage)
    const hash = await wallet.sendTransaction({ to: bob.address, value: 10n ** 12n }) // cap 120
    stage.ledger.baseFee = 121n
    stage.ledger.produce() // refused there
    expect([stage.ledger.submitted.length, stage.server.load.poolTransactions]).toEqual([1, 1])
    nowMs = 59_000
    stage.ledger.baseFee = 119n
    stage.ledger.produce()
    expect(stage.ledger.submitted.length).toBe(2)
    stage.ledger.produce()
    expect((await reader.getTransactionReceipt({ hash })).status).toBe('success')
    expect(stage.server.load.poolTransactions).toBe(0)
  })

  test('when consensus has no room, a transaction waits in the pool for the next block', async () => {
    const stage = await serve({}, { isAutomatic: false })
    const { reader, wallet } = clientsOf(stage)
    stage.ledger.isFull = true
    const hash = await wallet.sendTransaction({ to: bob.address, value: 10n ** 12n })
    stage.ledger.isFull = false
    stage.ledger.produce()
    stage.ledger.produce()
    expect((await reader.getTransactionReceipt({ hash })).status).toBe('success')
  })

  test('a transaction of a node goes straight to consensus, and wallets do not see it', async () => {
    const stage = await serve()
    const fields = { chainId: 1_337, nodeIndex: 0, nonce: 0n, kind: 0x40, body: new Uint8Array(4) }
    const bytes = bytesToHex(signNodeTransaction(fields, () => new Uint8Array(64)))
    stage.ledger.isFull = true
    expect(await faultOf(stage, 'selvedge_sendTransaction', [bytes])).toEqual([-32_000, 'consensus has no room for it now'])
    stage.ledger.isFull = false
    const { result: id } = await ask(stage.server.url, 'selvedge_sendTransaction', [bytes])
    while (stage.ledger.head().height === 0) await new Promise(setImmediate)
    expect((await ask(stage.server.url, 'eth_getBlockByNumber', ['0x1', true])).result).toMatchObject({
      transactions: [],
      gasUsed: '0x1388',
    })
    expect((await ask(stage.server.url, 'eth_getTransactionByHash', [id])).result).toBeNull()
    const { result } = await ask(stage.server.url, 'selvedge_getTransaction', [id])
    expect(result).toMatchObject({ height: 1, index: 0, form: 'node', nodeIndex: 0, nonce: '0', kind: 0x40, bytes })
  })
})
