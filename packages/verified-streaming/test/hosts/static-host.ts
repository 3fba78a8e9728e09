/** A static file host on this machine, with the ways in which real ones differ and break. Says what it was asked and how much it sent. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface HostOptions {
  /** Answers every GET with 200 and everything. */
  readonly ignoresRanges?: boolean
  /** Breaks the connection of the nth GET of a path (from 0) after this many bytes of its body. */
  readonly breaks?: Readonly<Record<string, readonly number[]>>
  /** Refuses HEAD. */
  readonly refusesHead?: boolean
  /** Sends no more than this many bytes of each body and then nothing, without ending it. */
  readonly stallsAfter?: number
  readonly headers?: Readonly<Record<string, string>>
}

export interface StaticHost extends AsyncDisposable {
  readonly origin: string
  /** `GET /film bytes=0-9`, in order. */
  readonly requests: string[]
  /** Bytes of bodies sent, by path. */
  readonly sent: Record<string, number>
  /** Files by path: change them while it runs. */
  readonly files: Record<string, Uint8Array>
  /** Resolves when no answer is under way. */
  idle(): Promise<void>
  /** Answers one request, for a server that does more. False when there is no such file. */
  serve(request: IncomingMessage, response: ServerResponse): boolean
}

/** Written slowly enough that what was sent is what was read, give or take the system's buffers. */
function send(
  host: StaticHost,
  path: string,
  body: Uint8Array,
  response: ServerResponse,
  { limit, ends }: { limit: number; ends: boolean },
): void {
  let at = 0
  const more = (): void => {
    while (at < Math.min(limit, body.length)) {
      const piece = body.subarray(at, Math.min(at + 65_536, limit))
      at += piece.length
      host.sent[path] = (host.sent[path] ?? 0) + piece.length
      if (!response.write(piece)) return void response.once('drain', more)
    }
    if (at >= body.length) response.end()
    else if (ends) response.destroy()
  }
  more()
}

export async function startStaticHost(files: Record<string, Uint8Array>, options: HostOptions = {}): Promise<StaticHost> {
  const gets: Record<string, number> = {}
  const open = new Set<ServerResponse>()
  let wake = (): void => {}
  const server = createServer((request, response) => {
    if (!host.serve(request, response)) response.writeHead(404).end('no such file')
  })
  const host = {
    origin: '',
    requests: [] as string[],
    sent: {} as Record<string, number>,
    files,
    async idle(): Promise<void> {
      while (open.size > 0) await new Promise<void>((resolve) => (wake = resolve))
    },
    serve(request: IncomingMessage, response: ServerResponse): boolean {
      const path = new URL(request.url ?? '/', 'http://localhost').pathname
      const file = files[path]
      if (file === undefined) return false
      const { method = 'GET' } = request
      open.add(response)
      response.on('close', () => {
        open.delete(response)
        wake()
      })
      host.requests.push(`${method} ${path} ${request.headers.range ?? ''}`.trim())
      const type = { 'content-type': path.endsWith('.webm') ? 'video/webm' : 'text/x-test', ...options.headers }
      if (method === 'HEAD') {
        response.writeHead(options.refusesHead ? 405 : 200, options.refusesHead ? {} : { ...type, 'content-length': file.length }).end()
        return true
      }
      const nth = gets[path] ?? 0
      gets[path] = nth + 1
      const limit = Math.min(options.breaks?.[path]?.[nth] ?? Number.POSITIVE_INFINITY, options.stallsAfter ?? Number.POSITIVE_INFINITY)
      const ends = options.stallsAfter === undefined
      const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
      if (first === undefined || options.ignoresRanges) {
        response.writeHead(200, { ...type, 'content-length': file.length })
        send(host, path, file, response, { limit, ends })
        return true
      }
      const start = Number(first)
      const end = Math.min(file.length, last === '' || last === undefined ? file.length : Number(last) + 1)
      if (start >= end) response.writeHead(416, { 'content-range': `bytes */${file.length}` }).end()
      else {
        response.writeHead(206, { ...type, 'content-length': end - start, 'content-range': `bytes ${start}-${end - 1}/${file.length}` })
        send(host, path, file.subarray(start, end), response, { limit, ends })
      }
      return true
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  host.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return host
}

/** Bytes that differ everywhere, from a seed. */
export function randomBytes(length: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4))
  let state = seed
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    words[i] = state ^ (state >>> 15)
  }
  return new Uint8Array(words.buffer, 0, length)
}
