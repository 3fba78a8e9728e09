/** JSON-RPC as a test wants it answered, one method at a time. */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Of each method its result, or what makes it of the parameters; `{ body }` is the whole answer as text. */
export type Answers = Readonly<Record<string, unknown>>

export async function startRpcServer(answers: Answers): Promise<{ readonly url: string; stop(): Promise<void> }> {
  async function answerOf(request: IncomingMessage): Promise<string> {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const { id, method, params } = JSON.parse(Buffer.concat(parts).toString()) as { id: number; method: string; params: unknown[] }
    const answer = answers[method]
    const result: unknown = typeof answer === 'function' ? (answer as (params: unknown[]) => unknown)(params) : answer
    const whole = typeof result === 'object' && result !== null && 'body' in result ? String(result.body) : undefined
    return whole ?? JSON.stringify({ jsonrpc: '2.0', id, result })
  }
  const server = createServer((request, response) => {
    answerOf(request).then(
      (text) => response.end(text),
      (error: unknown) => response.destroy(error as Error),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
