/**
 * Three nodes of etcd as Debian packages it, at its own defaults: fsync on, heartbeat 100 ms, election 1 s. Its peers talk without TLS.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Cluster, freePorts } from './cluster.ts'
import { connectPuts } from './grpc-puts.ts'
import { TRANSACTION_BYTES } from './transactions.ts'

const NODES = 3
const QUOTA_BYTES = 8 * 2 ** 30 // the default of 2 GiB would end a sweep early
const START_MS_MAX = 20_000

/** `etcd Version: 3.4.23`, or nothing where it is not installed. */
export function etcdVersion(): string | undefined {
  return /etcd Version: (\S+)/.exec(spawnSync('etcd', ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1]
}

export const ETCD_MISSING = 'etcd is not on this machine: apt-get install etcd-server (nothing is installed from here)'

export async function startEtcd(folder: string): Promise<Cluster> {
  mkdirSync(folder, { recursive: true })
  const ports = await freePorts(NODES)
  const peers = ports.map((port, i) => `n${i}=http://127.0.0.1:${port}`).join(',')
  const log = openSync(join(folder, 'log'), 'a')
  const socketOf = (i: number): string => `localhost:${i + 1}` // etcd wants HOST:PORT as the name of a local socket
  const children = ports.map((port, i): ChildProcess => {
    const peer = `http://127.0.0.1:${port}`
    const own = ['--name', `n${i}`, '--data-dir', `d${i}`, '--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer]
    const clients = ['--listen-client-urls', `unix://${socketOf(i)}`, '--advertise-client-urls', `unix://${socketOf(i)}`]
    const cluster = ['--initial-cluster', peers, '--initial-cluster-state', 'new', '--quota-backend-bytes', String(QUOTA_BYTES)]
    return spawn('etcd', [...own, ...clients, ...cluster], { cwd: folder, stdio: ['ignore', log, log] })
  })
  const killAll = (): void => children.forEach((child) => child.kill('SIGKILL'))
  process.on('exit', killAll) // they have no channel to this process that would end them with it
  const stop = async (): Promise<void> => {
    for (const child of children) if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit')
    process.off('exit', killAll)
    rmSync(folder, { recursive: true, force: true })
  }
  const sockets = ports.map((_, i) => join(folder, socketOf(i)))
  try {
    for (const socket of sockets) await waitForPut(socket)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    pids: children.map(({ pid }) => pid ?? 0),
    targets: sockets.map((socket) => ({ kind: 'etcd', socket })),
    stop,
  }
}

async function waitForPut(socket: string): Promise<void> {
  for (const began = performance.now(); performance.now() - began < START_MS_MAX; await sleep(100)) {
    if (existsSync(socket) && (await isPut(socket))) return
  }
  throw new Error(`etcd takes no puts at ${socket} after ${START_MS_MAX} ms; see its log`)
}

async function isPut(socket: string): Promise<boolean> {
  const connection = await connectPuts(socket).catch(() => undefined)
  if (connection === undefined) return false
  const isCommitted = await new Promise<boolean>((resolve) => {
    connection.put(randomBytes(TRANSACTION_BYTES), resolve)
    connection.flush()
  })
  connection.close()
  return isCommitted
}
