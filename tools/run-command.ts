/** Child processes for the tools: output kept, a deadline on each, and no more at once than there are cores. */
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'

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

/** Never rejects: a command that cannot start or takes too long has a code that is not 0 and says why. */
export function runCommand(command: string, args: readonly string[], { cwd, env, timeoutMs = 120_000 }: RunOptions): Promise<Outcome> {
  const started = performance.now()
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    })
    let output = ''
    const collect = (chunk: Buffer): void => {
      output += chunk.toString()
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    const finish = (code: number): void => resolve({ code, output, seconds: (performance.now() - started) / 1000 })
    child.on('error', (error) => {
      output += error.message
      finish(127)
    })
    child.on('close', (code, signal) => {
      if (signal !== null) output += `\nended by ${signal} (deadline ${timeoutMs} ms)`
      finish(code ?? 1)
    })
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
