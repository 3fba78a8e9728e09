import { once } from 'node:events'
import { connect } from 'node:net'
import { flatBytes, verifyCar } from '@selvedge/verified-car'
import type { CID } from 'multiformats/cid'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { createGateway } from '../src/index.ts'
import { type GatewayServer, serveGateway } from '../src/node.ts'
import { Blocks, bytesOf, importTree } from './support.ts'

const CONTENT = bytesOf(300_000)
const blocks = new Blocks()
let cid: CID
let server: GatewayServer | undefined

beforeAll(async () => {
  cid = (await importTree({ 'f.bin': CONTENT }, blocks)).get('f.bin')!
})
afterEach(async () => {
  await server?.stop()
})

/** All that the server says to one request, until it closes. */
async function exchange(port: number, request: string): Promise<{ text: string; isReset: boolean }> {
  const socket = connect(port, '127.0.0.1')
  let isReset = false
  socket.on('error', () => {
    isReset = true
  })
  const parts: Buffer[] = []
  socket.on('data', (part: Buffer) => parts.push(part))
  socket.write(request)
  await once(socket, 'close')
  return { text: Buffer.concat(parts).toString('latin1'), isReset }
}

test('a file comes over HTTP, whole and verified', async () => {
  server = await serveGateway(createGateway({ blocks }))
  const response = await fetch(`${server.url}/ipfs/${cid}?format=car&dag-scope=entity`)
  const parts: Uint8Array[] = []
  for await (const { bytes } of flatBytes(verifyCar(response.body!, cid))) parts.push(bytes.slice())
  expect(new Uint8Array(Buffer.concat(parts))).toEqual(CONTENT)
})

test('a failure in the middle of a body resets the connection and never looks like an end', async () => {
  let served = 0
  const failing = {
    get: async (wanted: CID) => {
      if (served++ > 100) throw new Error('the disk is gone')
      return await blocks.get(wanted)
    },
  }
  server = await serveGateway(createGateway({ blocks: failing }))
  const { text } = await exchange(server.port, `GET /ipfs/${cid}?format=car HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  expect(text).toMatch(/^HTTP\/1\.1 200 OK/)
  expect(text.toLowerCase()).toContain('transfer-encoding: chunked')
  expect(text).not.toContain('\r\n0\r\n\r\n')
  expect(text).not.toContain('the disk is gone')
  const response = await fetch(`${server.url}/ipfs/${cid}?format=raw`)
  expect(response.status).toBe(500) // the server itself lives on
})

test('HEAD, 304 and refusals have no body on the wire', async () => {
  server = await serveGateway(createGateway({ blocks }))
  const { text } = await exchange(server.port, `HEAD /ipfs/${cid}?format=raw HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  expect(text.split('\r\n\r\n')[1]).toBe('')
  expect(text.toLowerCase()).toContain(`content-length: ${(await blocks.get(cid)).length}`)
})

test.each(['GET http:// HTTP/1.1', 'GET //// HTTP/1.1', 'GET /ipfs/\u0000 HTTP/1.1'])(
  'a request line %j ends in 400 or 404, not in a crash',
  async (line) => {
    server = await serveGateway(createGateway({ blocks }))
    const { text } = await exchange(server.port, `${line}\r\nHost: \r\nConnection: close\r\n\r\n`)
    expect(text).toMatch(/^HTTP\/1\.1 40[04]/)
  },
)

test('a client that leaves ends the reading of the store', async () => {
  let aborted: (word: string) => void = () => undefined
  const outcome = new Promise<string>((resolve) => {
    aborted = resolve
  })
  let served = 0
  const stalling = {
    get: (wanted: CID, options?: { signal?: AbortSignal }): Promise<Uint8Array> => {
      if (served++ < 50) return blocks.get(wanted)
      return new Promise((_, reject) => {
        options?.signal?.addEventListener('abort', () => {
          aborted('the store was told')
          reject(options.signal!.reason)
        })
      })
    },
  }
  server = await serveGateway(createGateway({ blocks: stalling }))
  const controller = new AbortController()
  const response = await fetch(`${server.url}/ipfs/${cid}?format=car`, { signal: controller.signal })
  await response.body!.getReader().read()
  controller.abort()
  expect(await outcome).toBe('the store was told')
})

test('stop ends open connections, and may be called twice', async () => {
  const stalling = { get: (): Promise<Uint8Array> => new Promise(() => undefined) }
  server = await serveGateway(createGateway({ blocks: stalling }))
  const pending = fetch(`${server.url}/ipfs/${cid}?format=raw`).then(
    () => 'answered',
    () => 'ended',
  )
  await fetch(server.url)
  await Promise.all([server.stop(), server.stop()])
  expect(await pending).toBe('ended')
})

test.each([0, 1])('a client that leaves before the first leaf has come ends the reading too, after %i blocks', async (blocksMax) => {
  let told: (word: string) => void = () => undefined
  const outcome = new Promise<string>((resolve) => {
    told = resolve
  })
  let leave: () => void = () => undefined
  let served = 0
  const stalling = {
    get: (wanted: CID, options?: { signal?: AbortSignal }): Promise<Uint8Array> => {
      // The path is resolved with the first; the CAR asks for it again.
      if (served++ < blocksMax * 2) return blocks.get(wanted)
      return new Promise((_, reject) => {
        options?.signal?.addEventListener('abort', () => {
          told('the store was told')
          reject(options.signal!.reason)
        })
        leave()
      })
    },
  }
  server = await serveGateway(createGateway({ blocks: stalling }))
  const socket = connect(server.port, '127.0.0.1').on('error', () => undefined)
  leave = () => socket.destroy()
  socket.write(`GET /ipfs/${cid}?format=car HTTP/1.1\r\nHost: x\r\n\r\n`)
  expect(await outcome).toBe('the store was told')
})

test('requests sent ahead are begun one by one, answered in order, and forgotten with their client', async () => {
  let running = 0
  let most = 0
  let begun = 0
  const counting = {
    get: async (wanted: CID) => {
      begun++
      most = Math.max(most, ++running)
      await new Promise((resolve) => setImmediate(resolve))
      running--
      return await blocks.get(wanted)
    },
  }
  server = await serveGateway(createGateway({ blocks: counting }))
  const ask = (name: string, end = ''): string => `GET /ipfs/${cid}?format=raw&filename=${name} HTTP/1.1\r\nHost: x\r\n${end}\r\n`
  const names = Array.from({ length: 50 }, (_, index) => `n${index}`)
  const ahead = names.map((name) => ask(name, name === 'n49' ? 'Connection: close\r\n' : '')).join('')
  const { text } = await exchange(server.port, ahead)
  expect([...text.matchAll(/filename="(n\d+)"/g)].map(([, name]) => name)).toEqual(names)
  expect(most).toBe(1)

  begun = 0
  const { port } = server
  const socket = connect(port, '127.0.0.1').on('error', () => undefined)
  socket.write(names.map((name) => ask(name)).join(''))
  await once(socket, 'data')
  socket.destroy()
  await server.stop()
  await new Promise((resolve) => setImmediate(resolve))
  expect(begun).toBeLessThan(names.length)
})

test.each(['http://user:secret@x', 'http://user@x', 'http://[', 'x:'])('a target at %j is refused', async (origin) => {
  server = await serveGateway(createGateway({ blocks }))
  const { text } = await exchange(server.port, `GET ${origin}/ipfs/${cid}?format=raw HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  expect(text).toMatch(/^HTTP\/1\.1 40[04] /)
  expect(text).not.toContain('secret')
})

test('a Host that would be read as a path is refused: a cache before us goes by the path that it saw', async () => {
  server = await serveGateway(createGateway({ blocks }))
  for (const host of [`x/ipfs/${cid}?format=raw&`, 'x#', 'x?', 'x\\y', 'u@x']) {
    const { text } = await exchange(server.port, `GET /ipfs/${cid}?format=raw HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    expect(text).toMatch(/^HTTP\/1\.1 400 /)
  }
})

test('a small CAR is known whole: it has a length, and no chunks', async () => {
  server = await serveGateway(createGateway({ blocks }))
  const small = (await importTree({ 'small.txt': bytesOf(900) }, blocks)).get('small.txt')!
  const { text } = await exchange(server.port, `GET /ipfs/${small}?format=car HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  const [head = '', body = ''] = text.split('\r\n\r\n', 2)
  expect(head.toLowerCase()).toContain(`content-length: ${body.length}`)
  expect(head.toLowerCase()).not.toContain('transfer-encoding')
})
