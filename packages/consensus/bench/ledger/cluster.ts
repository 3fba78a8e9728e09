/** A running system under test: validators or etcd nodes, each a process with a local socket for its clients. */
import { createServer } from 'node:net'
import { once } from 'node:events'
import type { LoadTarget } from './load.ts'

export interface Cluster {
  /** Of the servers; those of the generators are not among them. */
  readonly pids: readonly number[]
  readonly targets: readonly LoadTarget[]
  /** Ends every process and removes the data. */
  stop(): Promise<void>
}

/** Ports that are free now, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  for (const server of servers) server.close()
  return ports
}
