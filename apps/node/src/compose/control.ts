/**
 * How a command of the same user reaches a running node: HTTP on a loopback port, guarded by a random token in a file that only the user
 * may read. The node reads the named file itself, so no content crosses.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import type * as http from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { NodeError } from '../errors.ts'
import { type ControlFile, controlPathOf, readControl } from './control-file.ts'

// Not `import`, which reads all that a module of Node exports: here a WebSocket too, whose loading is 60 ms of CPU at each start.
const { createServer } = createRequire(import.meta.url)('node:http') as typeof http

export interface AddedFile {
  readonly cid: string
  readonly root: string
  readonly size: number
}

export interface ControlServer {
  stop(): Promise<void>
}

const BODY_BYTES_MAX = 16 * 1024

export async function startControl(dataDir: string, address: string, add: (file: string) => Promise<AddedFile>): Promise<ControlServer> {
  const token = randomBytes(32).toString('hex')
  const server = createServer((request, response) => void answer(request, response, token, add))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const content: ControlFile = { port: (server.address() as AddressInfo).port, token, address }
  await rm(controlPathOf(dataDir), { force: true }) // of a node that was killed; a new file is the way to a new mode
  await writeFile(controlPathOf(dataDir), `${JSON.stringify(content)}\n`, { mode: 0o600, flag: 'wx' })
  return {
    async stop() {
      await rm(controlPathOf(dataDir), { force: true })
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** Asks the node that runs on `dataDir`. @throws {NodeError} `NODE_BUSY` where none answers, and what the node says. */
export async function addThroughNode(dataDir: string, file: string): Promise<AddedFile> {
  const control = await readControl(dataDir)
  if (control === undefined) throw new NodeError('NODE_BUSY', `${dataDir} is in use, and by no node that can be asked`)
  const { port, token } = control
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const response = await fetch(`http://127.0.0.1:${port}/add`, { method: 'POST', headers, body: JSON.stringify({ file }) }).catch(
    (cause: unknown) => {
      throw new NodeError('NODE_BUSY', `the node on ${dataDir} does not answer`, {}, { cause })
    },
  )
  const result = (await response.json()) as AddedFile & { error?: { code: string; message: string } }
  if (result.error !== undefined) throw new NodeError(result.error.code === 'NODE_USAGE' ? 'NODE_USAGE' : 'NODE_BUSY', result.error.message)
  return result
}

async function answer(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  token: string,
  add: (file: string) => Promise<AddedFile>,
): Promise<void> {
  const reply = (status: number, body: object): void =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  try {
    const expected = Buffer.from(`Bearer ${token}`)
    const given = Buffer.from(request.headers.authorization ?? '')
    if (given.length !== expected.length || !timingSafeEqual(given, expected))
      return reply(401, { error: { code: 'NODE_USAGE', message: 'wrong token' } })
    if (request.method !== 'POST' || request.url !== '/add')
      return reply(404, { error: { code: 'NODE_USAGE', message: 'unknown request' } })
    const { file } = JSON.parse(await readBody(request)) as { file?: unknown }
    if (typeof file !== 'string') return reply(400, { error: { code: 'NODE_USAGE', message: 'file must be a path' } })
    reply(200, await add(file))
  } catch (error) {
    const { code = 'NODE_BUSY', message } = error as { code?: string; message: string }
    reply(500, { error: { code, message } })
  }
}

async function readBody(request: http.IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of request) {
    text += String(part)
    if (text.length > BODY_BYTES_MAX) throw new NodeError('NODE_USAGE', `a request must be at most ${BODY_BYTES_MAX} characters`)
  }
  return text
}
