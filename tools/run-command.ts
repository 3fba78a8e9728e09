/** Child processes for the tools: output kept, a deadline on each, and no more at once than there are cores. */
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { delimiter, join } from 'node:path'
import { top } from './tool.ts'

export interface Outcome {
  readonly code: number
  readonly output: string
  readonly seconds: number
}

export interface RunOptions {
  readonly cwd: string
  readonly env?: NodeJS.ProcessEnv
  /** @default 120_000 */
  readonly timeoutMs?: number
}

/** The tools of this clone come before those of the machine, however a tool was started. */
const path = [join(top, 'node_modules/.bin'), join(top, '.toolchain/bin'), process.env.PATH].join(delimiter)

/** Never rejects: a command that cannot start or takes too long has a code that is not 0 and says why. */
export function runCommand(command: string, args: readonly string[], { cwd, env, timeoutMs = 120_000 }: RunOptions): Promise<Outcome> {
  const started = performance.now()
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env, PATH: path }, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const collect = (chunk: Buffer): void => {
      output += chunk.toString()
    }
    const deadline = setTimeout(() => {
      output += `\nended after ${timeoutMs} ms, its deadline`
      child.kill('SIGKILL')
    }, timeoutMs) // not spawn's own: that one is left running when the command does not exist
    const finish = (code: number): void => {
      clearTimeout(deadline)
      resolve({ code, output, seconds: (performance.now() - started) / 1000 })
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.on('error', (error) => {
      output += error.message
      finish(127)
    })
    child.on('close', (code) => finish(code ?? 1))
  })
}

/** `Promise.all` over `items` with at most `limit` running; results in the order of the items. */
export async function inParallel<T, R>(
  items: readonly T[],
  job: (item: T) => Promise<R>,
  limit: number = availableParallelism(),
): Promise<R[]> {
  const results: R[] = []
  const queue = items.entries()
  const work = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await job(item)
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work))
  return results
}
