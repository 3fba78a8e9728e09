/** A TCP relay in front of a node whose connections can be cut, at both ends or at the client's only. TLS goes through it untouched. */
import { connect, createServer, type Socket } from 'node:net'

interface Pair {
  readonly client: Socket
  readonly node: Socket
}

export interface CutProxy {
  readonly host: string
  readonly port: number
  /** Connections so far. */
  readonly count: number
  /** Cuts all that there are. `isNodeDeaf`: the node's end stays as it is, as when a cable is pulled. */
  cut(isNodeDeaf?: boolean): void
  /** Node's ends that `cut` left open and that are open still. */
  readonly deaf: number
  stop(): Promise<void>
}

export async function createCutProxy(target: { readonly host: string; readonly port: number }): Promise<CutProxy> {
  const pairs = new Set<Pair>()
  const deaf = new Set<Socket>()
  let count = 0
  const server = createServer((client) => {
    count++
    const node = connect(target)
    const pair = { client, node }
    pairs.add(pair)
    for (const socket of [client, node]) socket.on('error', () => {})
    client.on('data', (bytes) => void node.write(bytes))
    node.on('data', (bytes) => void (client.destroyed || client.write(bytes)))
    client.on('close', () => {
      if (!deaf.has(node)) node.destroy()
    })
    node.on('close', () => {
      deaf.delete(node)
      pairs.delete(pair)
      client.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address() as { port: number }
  return {
    host: '127.0.0.1',
    port: address.port,
    get count() {
      return count
    },
    get deaf() {
      return deaf.size
    },
    cut(isNodeDeaf = false) {
      for (const { client, node } of pairs) {
        if (isNodeDeaf) deaf.add(node)
        client.destroy()
      }
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const { client, node } of pairs) {
          client.destroy()
          node.destroy()
        }
      }),
  }
}
