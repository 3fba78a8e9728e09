/**
 * The HTTP side: JSON-RPC by POST, and a few pages that a browser, a load balancer or a light client reads with GET.
 * One Hono application; everything it needs of the node comes in as functions.
 */
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { RpcError } from '../errors.ts'
import { type Caller, errorText, type JsonRpc } from '../json-rpc.ts'
import type { NodePages } from '../node-pages.ts'

export interface HttpOptions {
  readonly corsOrigins: readonly string[]
  readonly requestBytesMax: number
}

export interface HttpParts {
  readonly rpc: JsonRpc
  readonly pages: NodePages
  /** Takes from the allowance of an address. */
  readonly take: (address: string, cost: number) => boolean
  readonly owe: (address: string, cost: number) => void
}

/** What the Node adapter hands in beside a request. */
export interface HttpBindings {
  /** Set by whoever calls `fetch`; requests without one share an allowance. */
  readonly address?: string
  /** Asks for room for an answer of so many bytes until it has left. */
  readonly hold?: (bytes: number) => boolean
}

type Environment = { Bindings: HttpBindings }
const JSON_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }

export function createHttpApplication({ rpc, pages, take, owe }: HttpParts, options: HttpOptions): Hono<Environment> {
  const application = new Hono<Environment>()
  const isAny = options.corsOrigins.includes('*')
  application.use(cors({ origin: isAny ? '*' : [...options.corsOrigins], allowMethods: ['GET', 'POST'], maxAge: 86_400 }))

  for (const path of ['/', '/rpc']) {
    application.post(path, async (context) => {
      if (!/^application\/json\s*(;|$)/i.test(context.req.header('content-type') ?? ''))
        return answer(415, errorText(null, new RpcError('RPC_INVALID_REQUEST', 'the content type must be application/json')))
      const body = await bodyOf(context.req.raw, options.requestBytesMax)
      if (body === undefined)
        return answer(413, errorText(null, new RpcError('RPC_INVALID_REQUEST', `a request is at most ${options.requestBytesMax} bytes`)))
      const address = context.env.address ?? ''
      const caller: Caller = { take: (cost) => take(address, cost), owe: (cost) => owe(address, cost), signal: context.req.raw.signal }
      const text = await rpc.answer(body, caller)
      if (text === undefined) return new Response(null, { status: 204 })
      return context.env.hold?.(text.length) === false ? answer(503, errorText(null, noRoom())) : answer(200, text)
    })
  }

  const page = (path: string, read: (parameter: string) => { status: number; body: unknown }): void => {
    application.get(path, (context) => {
      if (!take(context.env.address ?? '', 1)) return answer(429, JSON.stringify({ error: 'too many requests' }))
      const { status, body } = read(context.req.param('height') ?? '')
      return answer(status, JSON.stringify(body))
    })
  }
  page('/health', () => pages.health())
  page('/status', () => pages.status())
  page('/checkpoint/:height', (height) => pages.checkpoint(height))

  application.notFound(() => answer(404, JSON.stringify({ error: 'no such page' })))
  application.onError(() => answer(500, JSON.stringify({ error: 'internal error' })))
  return application
}

/** What is said instead of an answer for which there is no room. */
export const noRoom = (): RpcError => new RpcError('RPC_LIMIT', 'too many answers wait for their readers')

const answer = (status: number, text: string): Response => new Response(text, { status, headers: JSON_HEADERS })

/** The whole body, or `undefined` as soon as it is longer than `bytesMax`: what is announced too long is not read at all. */
async function bodyOf(request: Request, bytesMax: number): Promise<Uint8Array | undefined> {
  if (Number(request.headers.get('content-length') ?? 0) > bytesMax) return undefined
  if (request.body === null) return new Uint8Array()
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of request.body) {
    size += piece.length
    if (size > bytesMax) return undefined
    pieces.push(piece)
  }
  const body = new Uint8Array(size)
  let at = 0
  for (const piece of pieces) {
    body.set(piece, at)
    at += piece.length
  }
  return body
}
