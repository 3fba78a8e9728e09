/** Ports for processes that are started a moment later. */
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

const PORT_MIN = 20_000
const PORT_MAX = 32_000

/** Free ones below those that systems give to outgoing connections: one of these must not be taken before it is listened on. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = randomInt(PORT_MIN, PORT_MAX)
    const server = createServer().listen(port, '127.0.0.1')
    const isFree = await Promise.race([once(server, 'listening').then(() => true), once(server, 'error').then(() => false)])
    if (isFree) ports.add(port)
    server.close()
  }
  return [...ports]
}
