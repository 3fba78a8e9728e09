/** Strangers who send too much, too slowly, too deep, or do not read what they asked for. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { encodeSystemCall, type LedgerEvent, tokenAddress, transactionId } from '@selvedge/ledger-types'
import { bytesToHex, hexToBytes } from 'viem'
import { describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { alice, ask, bob, post, serve, type Stage, whenDone } from './support.ts'

const REQUEST = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] })
const transfer: LedgerEvent = { kind: 'transfer', token: 1, from: hexToBytes(alice.address), to: hexToBytes(bob.address), amount: 1n }
const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value)

async function open({ server }: Stage, options: WebSocket.ClientOptions = {}): Promise<WebSocket> {
  const socket = new WebSocket(server.webSocketUrl, options)
  whenDone(async () => socket.terminate())
  await once(socket, 'open')
  return socket
}

function raw({ server }: Stage): Socket {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
  whenDone(async () => socket.destroy())
  socket.on('error', () => undefined) // a reset is one of the ways to be refused
  return socket
}

/** The next messages of a socket, parsed. */
function messagesOf(socket: WebSocket): { next: () => Promise<Record<string, unknown>>; readonly waiting: number } {
  const heard: Record<string, unknown>[] = []
  let wake = (): void => undefined
  socket.on('message', (data) => {
    heard.push(JSON.parse((data as Buffer).toString()))
    wake()
  })
  return {
    get waiting() {
      return heard.length
    },
    async next() {
      while (heard.length === 0) await new Promise<void>((resolve) => (wake = resolve))
      return heard.shift() ?? {}
    },
  }
}

const subscribe = (kind: string, ...params: unknown[]): string => JSON.stringify({ jsonrpc: '2.0', id: 1, method: kind, params })

test('a body above the limit is refused by its length, or as soon as it is too long', async () => {
  const stage = await serve({ requestBytesMax: 10_000 })
  const announced = await post(stage.server.url, 'x'.repeat(10_001))
  expect([announced.status, await announced.json()]).toMatchObject([413, { error: { code: -32_600 } }])
  let sent = 0
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 4_096
      controller.enqueue(new Uint8Array(4_096).fill(0x20))
    },
  })
  const init = { method: 'POST', body: endless, headers: { 'content-type': 'application/json' }, duplex: 'half' } as RequestInit
  const chunked = await fetch(stage.server.url, init).then(
    ({ status }) => status,
    () => 'reset',
  )
  expect([413, 'reset']).toContain(chunked)
  expect(sent).toBeLessThan(16 * 2 ** 20) // what the sockets between hold, and no more
  expect((await ask(stage.server.url, 'eth_chainId')).result).toBe('0x539')
})

test('what is not JSON, nested a hundred thousand deep, or a batch of ten thousand costs one small answer', async () => {
  const stage = await serve()
  const codeOf = async (body: string): Promise<unknown> =>
    ((await (await post(stage.server.url, body)).json()) as { error: { code: number } }).error.code
  expect(await codeOf('{')).toBe(-32_700)
  expect(await codeOf('')).toBe(-32_700)
  expect(await codeOf(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`)).toBe(-32_700)
  expect(await codeOf(`[${times(10_000, REQUEST).join(',')}]`)).toBe(-32_600)
  expect((await post(stage.server.url, REQUEST, { 'content-type': 'text/plain' })).status).toBe(415)
  expect((await fetch(stage.server.url)).status).toBe(404)
  expect((await post(`${stage.server.url}/admin`, REQUEST)).status).toBe(404)
})

test('a request that never comes to its end is given up, and its connection with it', async () => {
  const stage = await serve({ requestTimeoutMs: 1_000 })
  const headers = 'POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n'
  for (const start of ['POST / HT', headers, `${headers}\r\n{"jsonrpc"`]) {
    const socket = raw(stage)
    let text = ''
    socket.on('data', (bytes) => (text += bytes.toString()))
    socket.write(start)
    await once(socket, 'close')
    expect(text).toMatch(/^HTTP\/1\.1 (408|400)/)
  }
})

test('each address has its allowance, by HTTP and WebSocket together; behind a proxy each client its own', async () => {
  const stage = await serve({ requestsPerSecondMax: 1, burstMax: 5, addressHeader: 'x-forwarded-for', nowMs: () => 0 })
  const from = async (address: string): Promise<unknown> => {
    const answer = await (await post(stage.server.url, REQUEST, { 'x-forwarded-for': `6.6.6.6, ${address}` })).json()
    return (answer as { error?: { code: number } }).error?.code
  }
  for (let i = 0; i < 4; i++) expect(await from('1.1.1.1')).toBeUndefined()
  const socket = await open(stage, { headers: { 'x-forwarded-for': '1.1.1.1' } }) // the fifth
  socket.send(REQUEST)
  expect(await messagesOf(socket).next()).toMatchObject({ error: { code: -32_005 } })
  expect(await from('1.1.1.1')).toBe(-32_005)
  expect(await from('1.1.1.2')).toBeUndefined()
  expect((await fetch(`${stage.server.url}/status`, { headers: { 'x-forwarded-for': '1.1.1.1' } })).status).toBe(429)
})

test('an address has a bounded number of connections, those of others are not touched by it', async () => {
  const stage = await serve({ connectionsPerAddressMax: 4 })
  const held = await Promise.all(times(4, undefined).map(() => open(stage)))
  await expect(open(stage)).rejects.toThrow(/socket hang up|ECONNRESET/)
  held[0]?.terminate()
  while (stage.server.load.webSockets === 4) await new Promise((wake) => setTimeout(wake, 5))
  await open(stage)
})

test('ten thousand subscriptions: the first thirty-two of a connection are made, the rest refused', async () => {
  const stage = await serve({ burstMax: 100_000 })
  const socket = await open(stage)
  const messages = messagesOf(socket)
  for (let i = 0; i < 10_000; i++) socket.send(subscribe('eth_subscribe', i % 2 === 0 ? 'newHeads' : 'logs'))
  const answers = []
  while (answers.length < 10_000) answers.push(await messages.next())
  expect(answers.filter(({ result }) => result !== undefined)).toHaveLength(32)
  expect(answers.at(-1)).toMatchObject({ error: { code: -32_005, message: 'at most 32 subscriptions a connection' } })
  expect(stage.server.load.subscriptions).toBe(32)
  socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_unsubscribe', params: ['0x1'] }))
  expect(await messages.next()).toMatchObject({ result: true })
  socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_unsubscribe', params: ['0x1'] }))
  expect(await messages.next()).toMatchObject({ result: false })
  socket.close()
  while (stage.server.load.subscriptions > 0) await new Promise((wake) => setTimeout(wake, 5))
})

test('a subscriber that stops reading costs one buffer, and hears everything once it reads again', async () => {
  const stage = await serve({ bufferBytesMax: 65_536 })
  const socket = await open(stage)
  const messages = messagesOf(socket)
  socket.send(subscribe('selvedge_subscribe', null, 0))
  await messages.next()
  socket.pause()
  const before = process.memoryUsage().rss
  for (let i = 0; i < 20; i++) stage.ledger.produce(times(5_000, transfer)) // 28 MB of notifications
  for (let i = 0; i < 50; i++) await new Promise(setImmediate)
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20) // the ledger itself is most of it
  socket.resume()
  for (let seq = 0; seq < 100_000; seq++) {
    const { params } = (await messages.next()) as { params: { result: { seq: number } } }
    if (params.result.seq !== seq) expect(params.result.seq).toBe(seq)
  }
  expect(messages.waiting).toBe(0)
})

test('a subscription whose next event is dropped ends with the oldest that is kept', async () => {
  const stage = await serve({ bufferBytesMax: 65_536 })
  const socket = await open(stage)
  const messages = messagesOf(socket)
  socket.send(subscribe('selvedge_subscribe', null, 0))
  await messages.next()
  socket.pause()
  for (let i = 0; i < 40; i++) stage.ledger.produce(times(5_000, transfer))
  for (let i = 0; i < 50; i++) await new Promise(setImmediate)
  stage.ledger.oldest = 41
  stage.ledger.produce()
  socket.resume()
  let last = -1
  for (;;) {
    const { params } = (await messages.next()) as { params: { result?: { seq: number }; error?: unknown } }
    if (params.error !== undefined) {
      expect(params).toMatchObject({ subscription: '0x1', error: { code: -32_001, data: { oldestSeq: 200_000 } } })
      break
    }
    expect(params.result?.seq).toBe(++last) // no gap before the end
  }
  expect(last).toBeLessThan(200_000)
  expect(stage.server.load).toMatchObject({ webSockets: 1, subscriptions: 0 })
})

test('a reader of heads or logs that falls too far behind is closed with the code that says so', async () => {
  const stage = await serve({ bufferBytesMax: 65_536 })
  const socket = await open(stage)
  const messages = messagesOf(socket)
  socket.send(subscribe('eth_subscribe', 'logs', { address: bytesToHex(tokenAddress(1)) }))
  await messages.next()
  socket.pause()
  for (let i = 0; i < 300; i++) stage.ledger.produce(times(400, transfer)) // 80 MB of logs
  for (let i = 0; i < 50; i++) await new Promise(setImmediate)
  socket.resume()
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
  expect([code, reason.toString()]).toEqual([4_008, expect.stringMatching(/^RPC_SLOW_READER: \d+ blocks behind the head$/)])
})

test('a connection that answers no ping is ended', async () => {
  const stage = await serve({ aliveTimeoutMs: 100 })
  const silent = await open(stage, { autoPong: false })
  const [code] = (await once(silent, 'close')) as [number]
  expect(code).toBe(1_006)
  await open(stage) // this one answers
})

test('answers that nobody reads fill a common budget, then are refused until they are read', async () => {
  const stage = await serve({ answersBytesMax: 25_000_000, burstMax: 100_000, responseBytesMax: 40_000_000 })
  stage.ledger.produce(times(9_000, transfer))
  const search = `[${times(3, subscribe('eth_getLogs', { fromBlock: '0x0' })).join(',')}]` // 18 MB, more than the kernel takes
  const hoarder = raw(stage)
  const head = `POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${search.length}\r\n\r\n`
  hoarder.pause()
  hoarder.write(`${head}${search}`)
  const logsOf = async (): Promise<number> => {
    const response = await post(stage.server.url, search)
    const answers = (await response.json()) as { result: unknown[] }[] | { error: unknown }
    return Array.isArray(answers) ? answers.reduce((sum, { result }) => sum + result.length, 0) : response.status
  }
  while ((await logsOf()) !== 503) await new Promise((wake) => setTimeout(wake, 5))
  expect((await ask(stage.server.url, 'eth_chainId')).result).toBe('0x539') // small answers pass
  hoarder.destroy()
  while ((await logsOf()) !== 27_000) await new Promise((wake) => setTimeout(wake, 5))
})

test('binary messages, oversized messages and broken frames harm nobody else', async () => {
  const stage = await serve({ requestBytesMax: 10_000 })
  const good = await open(stage)
  const binary = await open(stage)
  binary.send(new TextEncoder().encode(REQUEST))
  expect(await messagesOf(binary).next()).toMatchObject({ error: { code: -32_700 } })
  const large = await open(stage)
  large.send('x'.repeat(10_001))
  expect(((await once(large, 'close')) as [number])[0]).toBe(1_009)
  const broken = raw(stage)
  broken.write(
    'GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  )
  await once(broken, 'data')
  broken.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff))
  await once(broken, 'close')
  good.send(REQUEST)
  expect(await messagesOf(good).next()).toMatchObject({ result: '0x539' })
})

test('pages of other origins are let in by name only', async () => {
  const stage = await serve({ corsOrigins: ['https://wallet.example'] })
  const allowed = await post(stage.server.url, REQUEST, { origin: 'https://wallet.example' })
  expect(allowed.headers.get('access-control-allow-origin')).toBe('https://wallet.example')
  const foreign = await post(stage.server.url, REQUEST, { origin: 'https://evil.example' })
  expect(foreign.headers.get('access-control-allow-origin')).toBeNull()
  await open(stage, { origin: 'https://wallet.example' })
  await expect(open(stage, { origin: 'https://evil.example' })).rejects.toThrow('403')
  const everybody = await serve()
  const preflight = await fetch(everybody.server.url, {
    method: 'OPTIONS',
    headers: { origin: 'null', 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
  })
  expect([
    preflight.status,
    preflight.headers.get('access-control-allow-origin'),
    preflight.headers.get('access-control-allow-headers'),
  ]).toEqual([204, '*', 'content-type'])
})

test('stopping ends what waits, says so to sockets, and is done when it resolves, however often it is called', async () => {
  const stage = await serve()
  const socket = await open(stage)
  const idle = raw(stage)
  await once(idle, 'connect')
  const closed = once(socket, 'close') as Promise<[number]>
  await Promise.all([stage.server.stop(), stage.server.stop()])
  expect((await closed)[0]).toBe(1_001)
  await expect(fetch(stage.server.url)).rejects.toThrow('fetch failed')
  expect([stage.server.load.webSockets, stage.ledger.listenerCount]).toEqual([0, 0])
  expect(() => stage.server.start()).toThrow('after stop')
})

describe('what is dear is paid for by who asks', () => {
  const ID = (i: number): string => `0x${i.toString(16).padStart(64, '0')}`
  /** One client whose allowance does not fill again, and what it was refused for. */
  const codeOf = async ({ server }: Stage, method: string, params: unknown[]): Promise<number | undefined> =>
    (await ask(server.url, method, params)).error?.code

  test('a request of a megabyte counts as a hundred', async () => {
    const stage = await serve({ requestsPerSecondMax: 1, burstMax: 150, nowMs: () => 0 })
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [], padding: 'x'.repeat(1_000_000) })
    const codes = []
    for (let i = 0; i < 2; i++)
      codes.push(((await (await post(stage.server.url, body)).json()) as { error?: { code: number } }).error?.code)
    expect(codes).toEqual([undefined, -32_005])
    expect(await codeOf(stage, 'eth_chainId', [])).toBeUndefined()
  })

  test('old blocks that are read for one transaction each are counted by their receipts, those in memory are not', async () => {
    const stage = await serve({ requestsPerSecondMax: 1, burstMax: 30, nowMs: () => 0 })
    const { ledger } = stage
    ledger.produce(times(5, transfer))
    const spied = { ...ledger.body(1)!, receipts: times(4_000, ledger.body(1)!.receipts[0]!) }
    const body = ledger.body.bind(ledger)
    ledger.body = (height) => (height === 1 ? spied : body(height))
    ledger.locate = (id) => (id[31] === 1 ? { height: 1, index: 0 } : undefined)
    expect(await codeOf(stage, 'selvedge_getReceipt', [ID(1)])).toBeUndefined() // 1, and 20 for 4,000 receipts
    for (let i = 0; i < 9; i++) expect(await codeOf(stage, 'selvedge_getReceipt', [ID(1)])).toBeUndefined()
    expect(await codeOf(stage, 'selvedge_getReceipt', [ID(1)])).toBe(-32_005)
  })

  test('a search through logs ends when the allowance does', async () => {
    const stage = await serve({ requestsPerSecondMax: 1, burstMax: 49, nowMs: () => 0 })
    const { ledger } = stage
    for (let i = 0; i < 3; i++) ledger.produce(times(5, transfer))
    const body = ledger.body.bind(ledger)
    ledger.body = (height) => {
      const { transactions, receipts } = body(height)!
      return { transactions, receipts: times(6_000, receipts[0]!) }
    }
    expect(await codeOf(stage, 'eth_getLogs', [{ fromBlock: '0x1', toBlock: '0x1' }])).toBe(-32_005) // 20, and 30 for 6,000 receipts
    expect(await codeOf(stage, 'eth_chainId', [])).toBeUndefined()
  })

  test('a trial that costs much gas costs much of the allowance', async () => {
    const stage = await serve({ requestsPerSecondMax: 1, burstMax: 20, nowMs: () => 0 })
    const signatures = '00'.repeat(65 * 400) // 50,000 gas each
    const data = encodeSystemCall('bridgeMint', {
      token: 1,
      sourceId: new Uint8Array(32),
      to: new Uint8Array(20),
      prepaid: false,
      amount: 1n,
      signatures: hexToBytes(`0x${signatures}`),
    })
    const call = { from: alice.address, to: bytesToHex(data.to), data: bytesToHex(data.data) }
    expect(await codeOf(stage, 'eth_estimateGas', [call])).toBe(-32_005)
    expect(await codeOf(stage, 'eth_estimateGas', [{ from: alice.address, to: bob.address }])).toBeUndefined()
  })

  test('subscriptions that read the whole past go as fast as the allowance of their address, and miss nothing', async () => {
    let nowMs = 0
    let isRunning = false
    const stage = await serve({ requestsPerSecondMax: 1_000, burstMax: 40, nowMs: () => (isRunning ? (nowMs += 50) : nowMs) })
    for (let i = 0; i < 60; i++) stage.ledger.produce(times(1_000, transfer))
    const reads = { count: 0 }
    const events = stage.ledger.events.bind(stage.ledger)
    stage.ledger.events = (from, limit) => {
      reads.count++
      return events(from, limit)
    }
    const socket = await open(stage)
    const messages = messagesOf(socket)
    socket.send(subscribe('selvedge_subscribe', ['bridge', 'score'], 0))
    await messages.next()
    for (let i = 0; i < 50; i++) await new Promise(setImmediate)
    expect(reads.count).toBeLessThanOrEqual(7) // 6 each: one for the look, five for a thousand events
    isRunning = true
    stage.ledger.produce([{ kind: 'score', epoch: 1, nodeIndex: 7, score: 5 }])
    const heard = (await messages.next()) as { params: { result: { nodeIndex: number } } }
    expect(heard.params.result.nodeIndex).toBe(7)
  })

  test('a transaction of a node that is sent again and again goes to consensus once', async () => {
    const stage = await serve()
    const { ledger } = stage
    ledger.checkAdmission = async (bytes) => ({ code: 0, id: transactionId(bytes), nodeIndex: 1, nonce: 0n })
    const sent = ledger.submitted
    expect(await codeOf(stage, 'selvedge_sendTransaction', ['0x0001'])).toBeUndefined()
    for (let i = 0; i < 5; i++) expect(await codeOf(stage, 'selvedge_sendTransaction', ['0x0001'])).toBe(-32_000)
    expect(await codeOf(stage, 'selvedge_sendTransaction', ['0x0002'])).toBeUndefined()
    expect(sent.length).toBe(2)
  })
})
