/** The devnet's validators as processes: started, told, killed, brought back. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { FromValidator, ToValidator, ValidatorSettings } from './messages.ts'

export const PROCESS_COMMAND = 'devnet-validator'

/** The command line itself is the validator's process too, from source as from a build. */
const ENTRY = import.meta.filename.endsWith('.ts') ? join(import.meta.dirname, '../main.ts') : join(import.meta.dirname, 'main.js')

export interface ValidatorProcess {
  readonly isAlive: boolean
  /** Resolves when it is gone, whoever ended it. */
  readonly exited: Promise<unknown>
  tell(message: ToValidator): void
  /** `kill -9`; resolves when the process is gone. */
  kill(): Promise<void>
  /** Asks it to end; resolves when it has. */
  stop(): Promise<void>
}

/** Starts the process and resolves when it takes part. `onMessage` hears all that it says, also before that. */
export async function startValidator(settings: ValidatorSettings, onMessage: (message: FromValidator) => void): Promise<ValidatorProcess> {
  const child = spawn(process.execPath, [...process.execArgv, ENTRY, PROCESS_COMMAND], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
  living.add(child)
  const exited = once(child, 'exit').finally(() => living.delete(child))
  const tell = (message: ToValidator): void => {
    if (child.connected) child.send(message, () => {}) // one that is being killed hears nothing more
  }
  const started = new Promise<void>((resolve, reject) => {
    child.on('message', (message: FromValidator) => {
      if (message.type === 'started') resolve()
      if (message.type === 'failed') reject(new Error(`validator ${settings.self}: ${message.reason}`))
      onMessage(message)
    })
    void exited.then(([code]) => reject(new Error(`validator ${settings.self} ended with code ${String(code)} before it had started`)))
  })
  tell({ type: 'start', settings })
  await started
  return {
    exited,
    get isAlive() {
      return child.exitCode === null && child.signalCode === null
    },
    tell,
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
    async stop() {
      tell({ type: 'stop' })
      await exited
    },
  }
}

/** Children that still run: whoever ends this process ends them with it. */
const living = new Set<ChildProcess>()

export function killValidators(): void {
  for (const child of living) child.kill('SIGKILL')
}
