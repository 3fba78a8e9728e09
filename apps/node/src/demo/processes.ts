/** Real processes of the real command line: a node, and clients that may be killed. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const ENTRY = join(import.meta.dirname, '..', 'main.ts')

export interface NodeProcess {
  /** `selvedge://…` */
  readonly address: string
  /** Asks it to stop and waits until it has. */
  stop(): Promise<void>
}

/** Children that still run: whoever ends this process ends them with it. */
const living = new Set<ChildProcess>()

export function killChildren(): void {
  for (const child of living) child.kill('SIGKILL')
}

/** `selvedge ARGS`, from source as this process is. stdout is piped, stderr is ours. */
export function startCli(args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [...process.execArgv, ENTRY, ...args], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  living.add(child)
  child.once('exit', () => living.delete(child))
  return child
}

export async function startNodeProcess(data: string, origins: readonly string[]): Promise<NodeProcess> {
  const gateways = origins.flatMap((url) => ['--origin', url])
  const child = startCli(['run', '--data', data, '--listen', '127.0.0.1:0', ...gateways, '--log-level', 'error', '--json'])
  const exited = once(child, 'exit')
  const line = once(createInterface({ input: child.stdout! }), 'line').then(([text]) => text as string)
  const first = await Promise.race([line, exited])
  if (typeof first !== 'string') throw new Error(`the node ended before it listened (exit code ${child.exitCode})`)
  return {
    address: (JSON.parse(first) as { address: string }).address,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      await exited
    },
  }
}

/** Runs a command to its end; resolves with the one line of JSON that it prints. */
export async function runCliJson(args: readonly string[]): Promise<{ code: number | null; result: Readonly<Record<string, unknown>> }> {
  const child = startCli([...args, '--json'])
  let text = ''
  child.stdout!.setEncoding('utf8').on('data', (part: string) => (text += part))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, result: JSON.parse(text) as Readonly<Record<string, unknown>> }
}
