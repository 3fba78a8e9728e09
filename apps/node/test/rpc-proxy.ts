/** Before a real node's JSON-RPC: it passes questions on, changes answers as a test wants, and keeps what was sent. */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/** @returns what is answered in place of `result`. @param ask - another question to the node behind. */
export type Lie = (
  result: unknown,
  params: readonly unknown[],
  ask: (method: string, ...params: readonly unknown[]) => Promise<unknown>,
) => unknown

export interface RpcProxy {
  readonly url: string
  /** By method; the rest is answered as it is. */
  lies: Readonly<Record<string, Lie>>
  /** Transactions that were handed in, hex. */
  readonly sent: string[]
  stop(): Promise<void>
}

export async function startRpcProxy(target: string): Promise<RpcProxy> {
  const sent: string[] = []
  const pass = async (body: string): Promise<{ result?: unknown }> =>
    (await (await fetch(target, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).json()) as { result?: unknown }
  const ask = async (method: string, ...params: readonly unknown[]): Promise<unknown> =>
    (await pass(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))).result

  async function answerTo(request: IncomingMessage): Promise<string> {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const body = Buffer.concat(parts).toString()
    const { method, params } = JSON.parse(body) as { method: string; params: unknown[] }
    if (method === 'selvedge_sendTransaction') sent.push(String(params[0]))
    const answer = await pass(body)
    const lie = proxy.lies[method]
    return JSON.stringify(
      lie === undefined || !('result' in answer) ? answer : { ...answer, result: await lie(answer.result, params, ask) },
    )
  }

  const server = createServer((request, response) => {
    answerTo(request).then(
      (text) => response.end(text),
      (error: unknown) => response.destroy(error as Error),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy: RpcProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lies: {},
    sent,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return proxy
}
