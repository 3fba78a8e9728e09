/** Real processes of the command line, folders that are removed, and bytes that differ everywhere. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'

/** Ignored by git, inside the clone. */
const TEMPORARY = join(import.meta.dirname, '..', '.tmp')
const ENTRY = join(import.meta.dirname, '..', 'src', 'main.ts')

export async function scratchFolder(): Promise<string> {
  await mkdir(TEMPORARY, { recursive: true })
  const folder = await mkdtemp(join(TEMPORARY, 'node-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }))
  return folder
}

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A process that is killed with the test at the latest. */
export function start(args: readonly string[], cwd?: string, entry: string = ENTRY): ChildProcess {
  const env = { ...process.env }
  delete env.SELVEDGE_NODE
  const child = spawn(process.execPath, ['--conditions=@selvedge/source', entry, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
    ...(cwd === undefined ? {} : { cwd }),
  })
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  })
  return child
}

export async function run(args: readonly string[], cwd?: string, entry?: string): Promise<Ran> {
  const child = start(args, cwd, entry)
  let [stdout, stderr] = ['', '']
  child.stdout!.setEncoding('utf8').on('data', (part: string) => (stdout += part))
  child.stderr!.setEncoding('utf8').on('data', (part: string) => (stderr += part))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}

/** Bytes of stdout, as they are. */
export async function runRaw(args: readonly string[], cwd?: string): Promise<{ code: number | null; stdout: Buffer }> {
  const child = start(args, cwd)
  const parts: Buffer[] = []
  child.stdout!.on('data', (part: Buffer) => parts.push(part))
  child.stderr!.resume()
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout: Buffer.concat(parts) }
}

export interface Living {
  readonly child: ChildProcess
  /** The first line of its `--json` output. */
  readonly first: Readonly<Record<string, unknown>>
}

/** A command that lives until it is asked to end; resolves with what it says first. */
export async function live(args: readonly string[], cwd?: string): Promise<Living> {
  const child = start([...args, '--json'], cwd)
  let stderr = ''
  child.stderr!.setEncoding('utf8').on('data', (part: string) => (stderr += part))
  const exited = once(child, 'exit').then(() => {
    throw new Error(`${args[0]} ended with ${child.exitCode ?? child.signalCode}: ${stderr}`)
  })
  const line = once(createInterface({ input: child.stdout! }), 'line').then(([text]) => text as string)
  const first = JSON.parse(await Promise.race([line, exited])) as Record<string, unknown>
  exited.catch(() => {}) // it has said what the test waits for; how it ends is the test's business
  return { child, first }
}

/** What a process has written to stdout when `pattern` is in it. Its output is read on: a closed pipe would end it (`endWithReader`). */
export function hear(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout!.setEncoding('utf8').on('data', (part: string) => {
      text += part
      if (pattern.test(text)) resolve(text)
    })
    child.stdout!.once('end', () => reject(new Error(`it ended before ${pattern}: ${text}`)))
  })
}

export async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  const exited = once(child, 'exit')
  child.kill(signal)
  const [code] = (await exited) as [number | null]
  return code
}

/** Bytes that differ everywhere, the same in every run. */
export function sampleBytes(length: number, seed = 1): Buffer {
  const words = new Uint32Array(Math.ceil(length / 4))
  let state = seed >>> 0 || 1
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[i] = state
  }
  return Buffer.from(words.buffer, 0, length)
}

export function parseLine(ran: Ran): Readonly<Record<string, unknown>> {
  return JSON.parse(ran.stdout) as Readonly<Record<string, unknown>>
}
