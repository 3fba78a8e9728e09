/** An HTTP server that is several lying gateways at once, one a path, each of which lies about one CID and knows no other. */
import { once } from 'node:events'
import type * as http from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import type { CID } from 'multiformats/cid'
import type { LyingAnswer } from './lies.ts'

// Not `import`: see `serveGateway`, whose process this is.
const { createServer } = createRequire(import.meta.url)('node:http') as typeof http

export interface Liar {
  /** The gateways' base URLs. */
  readonly urls: readonly string[]
  stop(): Promise<void>
}

export async function startLiar(lies: readonly { readonly cid: CID; readonly answer: LyingAnswer }[]): Promise<Liar> {
  const answers = new Map(lies.map(({ cid, answer }, place) => [`/lie-${place}/ipfs/${cid.toString()}`, answer]))
  const server = createServer((request, response) => {
    const answer = answers.get((request.url ?? '').split('?')[0] ?? '')
    if (answer === undefined) response.writeHead(404).end()
    else response.writeHead(200, { 'content-type': answer.contentType }).end(answer.body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    urls: lies.map((_, place) => `http://127.0.0.1:${port}/lie-${place}`),
    async stop() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
