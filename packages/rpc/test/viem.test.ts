/** viem's clients as users have them, against the real server over HTTP: nothing here is told what chain it speaks to but its id. */
import { CODES, encodeTokenCall, tokenAddress } from '@selvedge/ledger-types'
import {
  BaseError,
  bytesToHex,
  erc20Abi,
  FeeCapTooLowError,
  getAddress,
  hexToBytes,
  InsufficientFundsError,
  IntrinsicGasTooLowError,
  MethodNotFoundRpcError,
  NonceTooHighError,
  NonceTooLowError,
  parseAbiItem,
  parseEther,
  parseGwei,
} from 'viem'
import { expect, test } from 'vitest'
import { alice, bob, clientsOf, executed, poor, serve } from './support.ts'

const TOKEN_ADDRESS = getAddress(bytesToHex(tokenAddress(1)))
const transferEvent = parseAbiItem('event Transfer(address indexed from, address indexed to, uint256 value)')

/** The error of that class somewhere below what viem throws. */
async function causeOf(promise: Promise<unknown>, type: new (...rest: never[]) => Error): Promise<unknown> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof BaseError)) throw new Error('viem did not refuse it', { cause: error })
  return error.walk((each) => each instanceof type)
}

test('a transfer with default fees is sent, waited for, and read back', async () => {
  const stage = await serve({}, { isTicking: true })
  const { reader, wallet } = clientsOf(stage)
  const hash = await wallet.sendTransaction({ to: bob.address, value: parseEther('1.5') })
  const receipt = await reader.waitForTransactionReceipt({ hash })
  expect(receipt).toMatchObject({
    status: 'success',
    gasUsed: 21_000n,
    effectiveGasPrice: parseGwei('100'),
    from: alice.address.toLowerCase(),
    to: bob.address.toLowerCase(),
    type: 'eip1559',
    transactionIndex: 0,
  })
  expect(await reader.getBalance({ address: bob.address })).toBe(parseEther('2.5'))
  expect(await reader.getBalance({ address: alice.address })).toBe(parseEther('8.5') - receipt.gasUsed * receipt.effectiveGasPrice)
  expect(await reader.getBalance({ address: bob.address, blockNumber: 0n })).toBe(parseEther('1'))
  expect(await reader.getTransactionCount({ address: alice.address })).toBe(1)
  const transaction = await reader.getTransaction({ hash })
  expect(transaction).toMatchObject({ nonce: 0, value: parseEther('1.5'), maxFeePerGas: parseGwei('120'), chainId: 1_337 })
  expect(transaction.gasPrice).toBe(parseGwei('100'))
})

test('a legacy transaction is taken under EIP-155 and shown as what it is', async () => {
  const stage = await serve({}, { isTicking: true })
  const { reader, wallet } = clientsOf(stage)
  const hash = await wallet.sendTransaction({ to: bob.address, value: parseEther('1'), type: 'legacy' })
  expect(await reader.waitForTransactionReceipt({ hash })).toMatchObject({ status: 'success', type: 'legacy' })
  const { v, r, s, type, gasPrice } = await reader.getTransaction({ hash })
  expect({ type, gasPrice, isEip155: v === 2_709n || v === 2_710n }).toEqual({ type: 'legacy', gasPrice: parseGwei('120'), isEip155: true })
  expect(BigInt(r) > 0n && BigInt(s) > 0n).toBe(true)
})

test('blocks show hash, parent, fee and transactions, by number and by hash', async () => {
  const stage = await serve()
  const { reader, wallet } = clientsOf(stage)
  const hash = await wallet.sendTransaction({ to: bob.address, value: 1_000_000_000_000n })
  await executed(clientsOf(stage), hash)
  const block = await reader.getBlock({ includeTransactions: true })
  expect(block).toMatchObject({ number: 1n, baseFeePerGas: parseGwei('100'), gasUsed: 21_000n, gasLimit: 63_000_000n })
  expect(block.parentHash).toBe(bytesToHex(stage.ledger.genesisHash))
  expect(block.transactions.map((each) => each.hash)).toEqual([hash])
  expect((await reader.getBlock({ blockHash: block.hash })).transactions).toEqual([hash])
  for (const blockTag of ['latest', 'safe', 'finalized'] as const) expect((await reader.getBlock({ blockTag })).hash).toBe(block.hash)
  expect(await reader.getBlockNumber({ cacheTime: 0 })).toBe(1n)
})

test('a bridged token reads and moves as an ERC-20', async () => {
  const stage = await serve({}, { isTicking: true })
  const { reader, wallet } = clientsOf(stage)
  const token = { address: TOKEN_ADDRESS, abi: erc20Abi } as const
  expect(await reader.readContract({ ...token, functionName: 'name' })).toBe('US Dollar')
  expect(await reader.readContract({ ...token, functionName: 'symbol' })).toBe('USD')
  expect(await reader.readContract({ ...token, functionName: 'decimals' })).toBe(6)
  expect(await reader.readContract({ ...token, functionName: 'totalSupply' })).toBe(5_000_000n)
  expect(await reader.readContract({ ...token, functionName: 'allowance', args: [alice.address, bob.address] })).toBe(0n)
  expect(await reader.getCode({ address: TOKEN_ADDRESS })).toBe('0x00')
  expect(await reader.getCode({ address: bob.address })).toBeUndefined()
  const hash = await wallet.writeContract({ ...token, functionName: 'transfer', args: [bob.address, 1_250_000n] })
  const receipt = await reader.waitForTransactionReceipt({ hash })
  expect(receipt).toMatchObject({ status: 'success', gasUsed: 33_000n }) // 21,000 + 2 chunks of 64 bytes + 10,000
  expect(receipt.logs).toHaveLength(1)
  expect(await reader.readContract({ ...token, functionName: 'balanceOf', args: [bob.address] })).toBe(1_250_000n)
  const logs = await reader.getLogs({ address: TOKEN_ADDRESS, event: transferEvent, fromBlock: 0n })
  expect(logs.map(({ args, transactionHash, logIndex }) => ({ args, transactionHash, logIndex }))).toEqual([
    { args: { from: alice.address, to: bob.address, value: 1_250_000n }, transactionHash: hash, logIndex: 0 },
  ])
  const to = async (address: `0x${string}`) => (await reader.getLogs({ event: transferEvent, args: { to: address }, fromBlock: 0n })).length
  expect([await to(bob.address), await to(alice.address)]).toEqual([1, 0])
})

test('gas is estimated from the table, and what would fail now says why', async () => {
  const stage = await serve()
  const { reader } = clientsOf(stage)
  expect(await reader.estimateGas({ account: alice.address, to: bob.address, value: parseEther('1') })).toBe(21_000n)
  expect(await reader.estimateGas({ to: bob.address })).toBe(21_000n)
  const estimate = reader.estimateContractGas({
    account: alice.address,
    address: TOKEN_ADDRESS,
    abi: erc20Abi,
    functionName: 'transfer',
    args: [bob.address, 5_000_001n],
  })
  await expect(estimate).rejects.toThrow('reverted with the following reason:\namount')
  const approve = reader.estimateContractGas({
    account: alice.address,
    address: TOKEN_ADDRESS,
    abi: erc20Abi,
    functionName: 'approve',
    args: [bob.address, 1n],
  })
  await expect(approve).rejects.toThrow('not supported')
})

test('refusals are the errors that viem knows', async () => {
  const stage = await serve({}, { isTicking: true })
  const { reader, wallet } = clientsOf(stage)
  const gas = 21_000n
  await reader.waitForTransactionReceipt({ hash: await wallet.sendTransaction({ to: bob.address, value: parseEther('1') }) })
  const send = (fields: Partial<Parameters<typeof wallet.sendTransaction>[0]>) =>
    wallet.sendTransaction({ to: bob.address, value: parseEther('1'), gas, ...fields } as Parameters<typeof wallet.sendTransaction>[0])
  expect(await causeOf(send({ nonce: 0 }), NonceTooLowError)).toBeInstanceOf(NonceTooLowError)
  expect(await causeOf(send({ nonce: 18 }), NonceTooHighError)).toBeInstanceOf(NonceTooHighError)
  expect(await causeOf(send({ value: parseEther('9') }), InsufficientFundsError)).toBeInstanceOf(InsufficientFundsError)
  expect(await causeOf(send({ gas: 20_000n }), IntrinsicGasTooLowError)).toBeInstanceOf(IntrinsicGasTooLowError)
  const cheap = { maxFeePerGas: parseGwei('99'), maxPriorityFeePerGas: 0n } as const
  expect(await causeOf(send(cheap), FeeCapTooLowError)).toBeInstanceOf(FeeCapTooLowError)
  await expect(send({ value: 1n })).rejects.toThrow('value not a multiple of 10^12 wei')
  const broke = clientsOf(stage, poor).wallet.sendTransaction({ to: bob.address, value: parseEther('1') })
  expect(await causeOf(broke, InsufficientFundsError)).toBeInstanceOf(InsufficientFundsError)
  expect(stage.server.load.poolTransactions).toBe(0)
})

test('a failed transaction has a receipt of status 0 and has paid its fee', async () => {
  const stage = await serve({}, { isTicking: true })
  const { reader, wallet } = clientsOf(stage)
  const { data } = encodeTokenCall(1, 'transfer', { to: hexToBytes(bob.address), amount: 6_000_000n })
  const hash = await wallet.sendTransaction({ to: TOKEN_ADDRESS, data: bytesToHex(data), gas: 33_000n })
  const receipt = await reader.waitForTransactionReceipt({ hash })
  expect(receipt).toMatchObject({ status: 'reverted', gasUsed: 33_000n, logs: [], selvedgeCode: `0x${CODES.amount.toString(16)}` })
  expect(await reader.getTransactionCount({ address: alice.address })).toBe(1)
})

test('fees: price, history, and the estimate with which a flood at full blocks is survived', async () => {
  const stage = await serve()
  const { reader, wallet } = clientsOf(stage)
  expect(await reader.getGasPrice()).toBe(parseGwei('100'))
  expect(await reader.estimateMaxPriorityFeePerGas()).toBe(0n)
  expect(await reader.estimateFeesPerGas()).toEqual({ maxFeePerGas: parseGwei('120'), maxPriorityFeePerGas: 0n })
  await executed(clientsOf(stage), await wallet.sendTransaction({ to: bob.address, value: parseEther('1') }))
  stage.ledger.baseFee = 113n
  const history = await reader.getFeeHistory({ blockCount: 10, rewardPercentiles: [25, 75] })
  expect(history.oldestBlock).toBe(0n)
  expect(history.baseFeePerGas).toEqual([parseGwei('100'), parseGwei('100'), parseGwei('113')])
  expect(history.gasUsedRatio).toEqual([0, 21_000 / 63_000_000])
  expect(history.reward).toEqual([
    [0n, 0n],
    [0n, 0n],
  ])
})

test('sixteen transactions signed ahead are executed in order', async () => {
  const stage = await serve({}, { isTicking: true })
  const { reader, wallet } = clientsOf(stage)
  const nonces = Array.from({ length: 17 }, (_, i) => 16 - i) // the last one first
  const hashes = await Promise.all(
    nonces.map((nonce) => wallet.sendTransaction({ to: bob.address, value: 10n ** 12n, nonce, gas: 21_000n })),
  )
  const receipts = await Promise.all(hashes.map((hash) => reader.waitForTransactionReceipt({ hash })))
  const heights = receipts.map(({ blockNumber }) => blockNumber)
  expect(heights).toEqual([...heights].sort((a, b) => Number(b - a)))
  expect(await reader.getTransactionCount({ address: alice.address })).toBe(17)
})

test('pending counts what the pool holds, and what waits is shown without a block', async () => {
  const stage = await serve({}, { isAutomatic: false })
  const { reader, wallet } = clientsOf(stage)
  const [first] = [
    await wallet.sendTransaction({ to: bob.address, value: 10n ** 12n }),
    await wallet.sendTransaction({ to: bob.address, value: 10n ** 12n }),
  ]
  const count = (blockTag: 'latest' | 'pending') => reader.getTransactionCount({ address: alice.address, blockTag })
  expect([await count('latest'), await count('pending')]).toEqual([0, 2])
  expect(await reader.getTransaction({ hash: first })).toMatchObject({ blockNumber: null, blockHash: null, nonce: 0 })
  await expect(reader.getTransactionReceipt({ hash: first })).rejects.toThrow('could not be found')
  stage.ledger.produce()
  stage.ledger.produce()
  expect([await count('latest'), await count('pending')]).toEqual([2, 2])
})

test('viem reads who it speaks to, and hears that there is nothing to fill or to mine', async () => {
  const stage = await serve()
  const { reader, tester } = clientsOf(stage)
  expect(await reader.getChainId()).toBe(1_337)
  expect(await reader.request({ method: 'web3_clientVersion' })).toBe('selvedge/test')
  expect(await reader.request({ method: 'net_version' })).toBe('1337')
  expect(await reader.request({ method: 'net_listening' })).toBe(true)
  expect(await reader.request({ method: 'net_peerCount' as never })).toBe('0x3')
  expect(await causeOf(tester.mine({ blocks: 1 }), MethodNotFoundRpcError)).toBeInstanceOf(MethodNotFoundRpcError)
  expect(await reader.getBlockNumber()).toBe(0n)
  const fill = reader.request({ method: 'eth_fillTransaction' as never, params: [{}] as never })
  expect(await causeOf(fill, MethodNotFoundRpcError)).toBeInstanceOf(MethodNotFoundRpcError)
})

test('blocks and logs are watched by polling', async () => {
  const stage = await serve()
  const { reader, wallet } = clientsOf(stage)
  const seen: bigint[] = []
  const values: bigint[] = []
  const ends = [
    reader.watchBlocks({ emitMissed: true, emitOnBegin: true, onBlock: ({ number }) => seen.push(number) }),
    reader.watchEvent({
      address: TOKEN_ADDRESS,
      event: transferEvent,
      onLogs: (logs) => values.push(...logs.flatMap(({ args }) => args.value ?? [])),
    }),
  ]
  for (let amount = 1n; values.length < 3; amount++) {
    const { data } = encodeTokenCall(1, 'transfer', { to: hexToBytes(bob.address), amount })
    await executed(clientsOf(stage), await wallet.sendTransaction({ to: TOKEN_ADDRESS, data: bytesToHex(data) }))
    while (!seen.includes(amount)) await new Promise((wake) => setTimeout(wake, 5))
  }
  for (const end of ends) end()
  expect(seen.slice(0, 4)).toEqual([0n, 1n, 2n, 3n])
  expect(values.map((value) => value - (values[0] ?? 0n))).toEqual(values.map((_, i) => BigInt(i))) // none is missed once it listens
})
