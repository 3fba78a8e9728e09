/** Four validators, each a process of its own over mutual TLS on loopback; may be killed, brought back, and cut from one another. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Cluster, freePorts } from './cluster.ts'
import type { SignatureKind } from './signed-transactions.ts'
import type { FromValidator, ToValidator, ValidatorStatus } from './validator.ts'

export const VALIDATORS = 4

export interface ValidatorsPlan {
  readonly mode: 'certified' | 'uncertified'
  /** What transactions are signed with; opaque ones when there is none. */
  readonly signatures?: SignatureKind | undefined
  /** Flags for node, such as `--cpu-prof`. */
  readonly nodeFlags?: readonly string[]
}

export interface ValidatorCluster extends Cluster {
  status(validator: number): Promise<ValidatorStatus>
  /** `kill -9`. */
  kill(validator: number): Promise<void>
  restart(validator: number): Promise<void>
  /** Ends the connections between the groups; each validator goes on with those of its own group. */
  cut(...groups: readonly (readonly number[])[]): void
  heal(): void
}

export async function startValidators(folder: string, { mode, signatures, nodeFlags = [] }: ValidatorsPlan): Promise<ValidatorCluster> {
  mkdirSync(folder, { recursive: true })
  const ports = await freePorts(VALIDATORS)
  const children: ChildProcess[] = []
  const tell = (i: number, message: ToValidator): void => void children[i]?.send(message)
  const start = async (i: number): Promise<void> => {
    const child = fork(join(import.meta.dirname, 'validator.ts'), { execArgv: [...process.execArgv, ...nodeFlags] })
    children[i] = child
    tell(i, { type: 'start', self: i, ports, mode, signatures, folder: join(folder, `v${i}`), socket: socketOf(i) })
    await answerOf(child, 'started')
  }
  const socketOf = (i: number): string => join(folder, `${i}.sock`)
  const end = async (child: ChildProcess | undefined): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  const stop = async (): Promise<void> => {
    // A profile is written by a process that ends by itself; all others may as well be killed.
    if (nodeFlags.length > 0) await Promise.all(children.map(async (child, i) => (tell(i, { type: 'stop' }), await once(child, 'exit'))))
    await Promise.all(children.map(end))
    rmSync(folder, { recursive: true, force: true })
  }
  const cluster: ValidatorCluster = {
    get pids() {
      return children.map(({ pid }) => pid ?? 0)
    },
    targets: ports.map((_, i) => ({ kind: 'validator', socket: socketOf(i), signatures })),
    async status(i) {
      tell(i, { type: 'status' })
      return await answerOf(children[i] as ChildProcess, 'status')
    },
    kill: (i) => end(children[i]),
    restart: start,
    cut(...groups) {
      for (const group of groups) for (const i of group) tell(i, { type: 'reach', validators: group })
    },
    heal() {
      for (const i of ports.keys()) tell(i, { type: 'reach', validators: [...ports.keys()] })
    },
    stop,
  }
  try {
    await Promise.all(ports.map((_, i) => start(i)))
  } catch (error) {
    await stop()
    throw error
  }
  return cluster
}

async function answerOf<T extends FromValidator['type']>(
  child: ChildProcess,
  type: T,
): Promise<Extract<FromValidator, { readonly type: T }>> {
  return await new Promise((resolve, reject) => {
    const onMessage = (message: FromValidator): void => {
      if (message.type !== type) return
      leave()
      resolve(message as Extract<FromValidator, { readonly type: T }>)
    }
    const onExit = (code: number | null): void => {
      leave()
      reject(new Error(`a validator ended with code ${code}`))
    }
    const leave = (): void => void child.off('message', onMessage).off('exit', onExit)
    child.on('message', onMessage).on('exit', onExit)
  })
}
