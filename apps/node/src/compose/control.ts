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
import type { AddedFile } from './import-file.ts'
import { fieldsOf, formatMetrics, isNodeStatus, type NodeStatus } from './node-status.ts'

// Not `import`, which reads all that a module of Node exports: here a WebSocket too, whose loading is 60 ms of CPU at each start.
const { createServer, request: httpRequest } = createRequire(import.meta.url)('node:http') as typeof http

export interface ControlServer {
  /** Ends what is being added, and waits for it. */
  stop(): Promise<void>
}

/** @param signal - whoever asked has left, or the node stops. */
export type AddFile = (file: string, signal: AbortSignal) => Promise<AddedFile>

export interface ControlOptions {
  /** What `/status` and `/metrics` say. @default there is neither */
  readonly status?: () => NodeStatus
  /** Between two signs of life (a blank before the answer) while a large file is added. @default 2 s */
  readonly pulseMs?: number
}

export interface AskOptions {
  readonly signal?: AbortSignal
  /** A node of which nothing is heard for so long is taken for dead. @default 30 s */
  readonly silenceMs?: number
}

const BODY_BYTES_MAX = 16 * 1024
/** Of an answer, its blanks aside. */
const ANSWER_CHARACTERS_MAX = 64 * 1024
const PULSE_MS = 2_000
const SILENCE_MS = 30_000

/** @throws {NodeError} `NODE_DATA_FOLDER` where its file cannot be written; nothing listens then. */
export async function startControl(
  dataDir: string,
  address: string,
  add: AddFile,
  { pulseMs = PULSE_MS, status }: ControlOptions = {},
): Promise<ControlServer> {
  const token = randomBytes(32).toString('hex')
  const running = new Set<Promise<void>>()
  const server = createServer((request, response) => {
    const answering = answer(request, response, { token, add, pulseMs, status })
    running.add(answering)
    void answering.finally(() => running.delete(answering))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const content: ControlFile = { port: (server.address() as AddressInfo).port, token, address }
  const path = controlPathOf(dataDir)
  try {
    await rm(path, { force: true }) // of a node that was killed; a new file is the way to a new mode
    await writeFile(path, `${JSON.stringify(content)}\n`, { mode: 0o600, flag: 'wx' })
  } catch (cause) {
    server.close()
    throw new NodeError('NODE_DATA_FOLDER', `${path} cannot be written: ${(cause as Error).message}`, { path }, { cause })
  }
  return {
    async stop() {
      await rm(path, { force: true })
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections() // and with its connection each request ends
      await closed
      await Promise.all(running)
    },
  }
}

/** Asks the node that runs on `dataDir`. @throws {NodeError} `NODE_BUSY` where none answers, and what the node says; the reason of the signal. */
export async function addThroughNode(dataDir: string, file: string, options: AskOptions = {}): Promise<AddedFile> {
  return await asked(dataDir, { method: 'POST', path: '/add', body: JSON.stringify({ file }) }, isAddedFile, options)
}

/** What the node that runs on `dataDir` says of itself. @throws as `addThroughNode` */
export async function statusOfNode(dataDir: string, options: AskOptions = {}): Promise<NodeStatus> {
  return await asked(dataDir, { method: 'GET', path: '/status' }, isNodeStatus, options)
}

interface Question {
  readonly method: string
  readonly path: string
  readonly body?: string
}

async function asked<T>(
  dataDir: string,
  question: Question,
  isAnswer: (answered: unknown) => answered is T,
  options: AskOptions,
): Promise<T> {
  const control = await readControl(dataDir)
  if (control === undefined) throw new NodeError('NODE_BUSY', `on ${dataDir} there is no node that can be asked`)
  const answered = await ask(control, question, options).catch((cause: unknown) => {
    options.signal?.throwIfAborted()
    throw new NodeError('NODE_BUSY', `the node on ${dataDir} does not answer: ${(cause as Error).message}`, {}, { cause })
  })
  const { code, message } = fieldsOf(fieldsOf(answered)['error'])
  if (typeof message === 'string') throw new NodeError(code === 'NODE_USAGE' ? 'NODE_USAGE' : 'NODE_BUSY', message)
  if (isAnswer(answered)) return answered
  throw new NodeError('NODE_BUSY', `what answers for the node on ${dataDir} is none: it may have died, and its port be another's now`)
}

function isAddedFile(answered: unknown): answered is AddedFile {
  const { cid, root, size } = fieldsOf(answered)
  return typeof cid === 'string' && typeof root === 'string' && typeof size === 'number'
}

/** Not `fetch`, which gives up after five minutes without a head: a large file takes longer. */
function ask(
  { port, token }: ControlFile,
  { method, path, body }: Question,
  { signal, silenceMs = SILENCE_MS }: AskOptions,
): Promise<unknown> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const abort = signal === undefined ? {} : { signal }
  return new Promise((resolve, reject) => {
    const asking = httpRequest({ host: '127.0.0.1', port, path, method, headers, timeout: silenceMs, ...abort })
    asking.on('timeout', () => asking.destroy(new Error(`nothing was heard of it for ${silenceMs / 1_000} s`)))
    asking.on('error', reject)
    asking.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        text = (text + part).trimStart() // signs of life
        if (text.length > ANSWER_CHARACTERS_MAX) asking.destroy(new Error('its answer does not end'))
      })
      response.on('error', reject)
      response.on('end', () => {
        try {
          resolve(JSON.parse(text))
        } catch (error) {
          reject(error as Error)
        }
      })
    })
    asking.end(body)
  })
}

interface Answering {
  readonly token: string
  readonly add: AddFile
  readonly pulseMs: number
  readonly status: ControlOptions['status']
}

async function answer(request: http.IncomingMessage, response: http.ServerResponse, answering: Answering): Promise<void> {
  const { token, add, pulseMs, status } = answering
  const begin = (status: number): void => {
    if (!response.headersSent) response.writeHead(status, { 'content-type': 'application/json' })
  }
  const reply = (status: number, body: object): void => {
    begin(status)
    response.end(JSON.stringify(body))
  }
  const ending = new AbortController()
  response.once('close', () => ending.abort(new NodeError('NODE_BUSY', 'nobody waits for the file any more')))
  let pulse: NodeJS.Timeout | undefined
  try {
    const expected = Buffer.from(`Bearer ${token}`)
    const given = Buffer.from(request.headers.authorization ?? '')
    if (given.length !== expected.length || !timingSafeEqual(given, expected))
      return reply(401, { error: { code: 'NODE_USAGE', message: 'wrong token' } })
    if (status !== undefined && request.method === 'GET' && request.url === '/status') return reply(200, status())
    if (status !== undefined && request.method === 'GET' && request.url === '/metrics')
      return void response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(formatMetrics(status()))
    if (request.method !== 'POST' || request.url !== '/add')
      return reply(404, { error: { code: 'NODE_USAGE', message: 'unknown request' } })
    const { file } = JSON.parse(await readBody(request)) as { file?: unknown }
    if (typeof file !== 'string') return reply(400, { error: { code: 'NODE_USAGE', message: 'file must be a path' } })
    pulse = setInterval(() => {
      begin(200) // what went wrong later stands in the answer alone
      response.write(' ')
    }, pulseMs)
    reply(200, await add(file, ending.signal))
  } catch (error) {
    const { code = 'NODE_BUSY', message } = error as { code?: string; message: string }
    reply(500, { error: { code, message } })
  } finally {
    clearInterval(pulse)
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
