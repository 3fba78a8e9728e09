import { once } from 'node:events'
import { expect, test } from 'vitest'
import { type RawData, type WebSocket as ServerSocket, WebSocketServer } from 'ws'

const MESSAGE_BYTES_MAX = 65_535

/** A server with a bound on messages, and a page's own WebSocket connected to it. */
async function pair(): Promise<{ server: WebSocketServer; page: WebSocket; node: ServerSocket }> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, maxPayload: MESSAGE_BYTES_MAX, perMessageDeflate: false })
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const connected = once(server, 'connection') as Promise<[ServerSocket]>
  const page = new WebSocket(`ws://127.0.0.1:${port}`)
  page.binaryType = 'arraybuffer'
  const opened = once(page, 'open')
  const [node] = await connected
  await opened
  return { server, page, node }
}

test('messages of a page come whole and in order', async () => {
  const { server, page, node } = await pair()
  const sent = [1, 65_535, 17, 40_000].map((length, index) => new Uint8Array(length).fill(index))
  const received: Uint8Array[] = []
  const all = new Promise<void>((resolve) => {
    node.on('message', (data: RawData) => {
      received.push(new Uint8Array(data as Buffer))
      if (received.length === sent.length) resolve()
    })
  })
  for (const message of sent) page.send(message)
  await all
  expect(received).toEqual(sent)
  node.terminate()
  server.close()
})

test('a message above the bound ends the connection before it is held', async () => {
  const { server, page, node } = await pair()
  let messages = 0
  node.on('message', () => messages++)
  node.on('error', () => {}) // the server's own account of it
  const closed = once(page, 'close') as Promise<[CloseEvent]>
  page.send(new Uint8Array(MESSAGE_BYTES_MAX + 1))
  const [{ code }] = await closed
  expect({ code, messages }).toEqual({ code: 1009, messages: 0 })
  server.close()
})
