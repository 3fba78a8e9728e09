/** The same wallets over WebSocket, where blocks and logs are pushed. */
import { encodeTokenCall, tokenAddress } from '@selvedge/ledger-types'
import { bytesToHex, createWalletClient, hexToBytes, parseAbiItem, parseEther, webSocket } from 'viem'
import { expect, test } from 'vitest'
import { alice, bob, serve, socketClientOf } from './support.ts'

const TOKEN_ADDRESS = bytesToHex(tokenAddress(1))
const transferEvent = parseAbiItem('event Transfer(address indexed from, address indexed to, uint256 value)')

test('a transfer goes through one WebSocket, new heads come as they are executed', async () => {
  const stage = await serve({}, { isTicking: true })
  const reader = socketClientOf(stage)
  const numbers: bigint[] = []
  const heard = Promise.withResolvers<void>()
  reader.watchBlocks({
    onBlock: ({ number }) => {
      numbers.push(number)
      if (numbers.length === 10) heard.resolve()
    },
    onError: heard.reject,
  })
  const wallet = createWalletClient({ account: alice, chain: stage.chain, transport: webSocket(undefined, { reconnect: false }) })
  while (stage.server.load.subscriptions === 0) await new Promise((wake) => setTimeout(wake, 5))
  for (let i = 0; i < 3; i++) {
    const hash = await wallet.sendTransaction({ to: bob.address, value: parseEther('0.1') })
    expect(await reader.waitForTransactionReceipt({ hash, pollingInterval: 20 })).toMatchObject({ status: 'success' })
  }
  await heard.promise
  expect(numbers.map((number) => number - (numbers[0] ?? 0n))).toEqual([...numbers.keys()].map(BigInt))
})

test('logs of a token are pushed by its address and by topic, other tokens and native transfers are not', async () => {
  const stage = await serve({}, { isAutomatic: false })
  const reader = socketClientOf(stage)
  const values: unknown[] = []
  const heard = Promise.withResolvers<void>()
  reader.watchEvent({
    address: TOKEN_ADDRESS,
    event: transferEvent,
    args: { to: bob.address },
    onLogs: (logs) => {
      values.push(...logs.map(({ args, blockNumber }) => ({ value: args.value, blockNumber })))
      if (values.length === 2) heard.resolve()
    },
    onError: heard.reject,
  })
  while (stage.server.load.subscriptions === 0) await new Promise((wake) => setTimeout(wake, 5))
  const [from, to] = [hexToBytes(alice.address), hexToBytes(bob.address)]
  stage.ledger.produce([
    { kind: 'transfer', token: 0, from, to, amount: 1n },
    { kind: 'transfer', token: 2, from, to, amount: 2n },
    { kind: 'transfer', token: 1, from: to, to: from, amount: 3n },
    { kind: 'transfer', token: 1, from, to, amount: 4n },
  ])
  stage.ledger.produce([{ kind: 'transfer', token: 1, from, to, amount: 5n }])
  await heard.promise
  expect(values).toEqual([
    { value: 4n, blockNumber: 1n },
    { value: 5n, blockNumber: 2n },
  ])
})

test('a subscription ends when it is told to, and its connection when the server stops', async () => {
  const stage = await serve()
  const reader = socketClientOf(stage)
  const end = reader.watchBlockNumber({ onBlockNumber: () => undefined })
  while (stage.server.load.subscriptions === 0) await new Promise((wake) => setTimeout(wake, 5))
  end()
  while (stage.server.load.subscriptions > 0) await new Promise((wake) => setTimeout(wake, 5))
  expect(stage.server.load.webSockets).toBe(1)
  await stage.server.stop()
  expect(stage.server.load).toEqual({ webSockets: 0, subscriptions: 0, poolTransactions: 0 })
  expect(stage.ledger.listenerCount).toBe(0)
})

test('a call over WebSocket that encodes itself is answered like the one over HTTP', async () => {
  const stage = await serve()
  const { to, data } = encodeTokenCall(1, 'balanceOf', { account: hexToBytes(alice.address) })
  const call = { to: bytesToHex(to), data: bytesToHex(data) }
  expect(BigInt((await socketClientOf(stage).call(call)).data ?? '0x')).toBe(5_000_000n)
})
