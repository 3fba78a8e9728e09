/**
 * The one shape of every tool: `node tools/<tool>.ts [FLAG ...] [ARG ...] [--root DIR] [--help]`.
 *
 * A check returns its findings; they are printed one a line as `file:line: message` and make the exit code 1. `--help` prints the comment at
 * the head of the tool's file. `--root` names another tree than this clone, which is how the tests plant faults.
 */
import { readFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'

export interface Finding {
  readonly file: string
  readonly line?: number
  readonly message: string
}

export interface Invocation {
  readonly root: string
  readonly flags: ReadonlySet<string>
  readonly args: readonly string[]
}

export const top: string = dirname(import.meta.dirname)

export function helpOf(file: string): string {
  const comment = /\/\*\*(.*?)\*\//s.exec(readFileSync(file, 'utf8'))?.[1] ?? ''
  return comment.replaceAll(/^\s*\* ?/gm, '').trim()
}

export function formatFinding(root: string, { file, line, message }: Finding): string {
  const name = relative(root, resolve(root, file)) || '.'
  return line === undefined ? `${name}: ${message}` : `${name}:${line}: ${message}`
}

function invocationOf(argv: readonly string[]): Invocation {
  const at = argv.indexOf('--root')
  const root = resolve(at === -1 ? top : (argv[at + 1] ?? top))
  const rest = at === -1 ? argv : argv.toSpliced(at, 2)
  return { root, flags: new Set(rest.filter((arg) => arg.startsWith('--'))), args: rest.filter((arg) => !arg.startsWith('--')) }
}

/** Runs `main` when its file was started by hand, and does nothing when it was imported. */
export async function runTool(meta: ImportMeta, main: (invocation: Invocation) => Promise<readonly Finding[]>): Promise<void> {
  if (!meta.main) return
  const invocation = invocationOf(process.argv.slice(2))
  if (invocation.flags.has('--help')) {
    process.stdout.write(`${helpOf(meta.filename)}\n`)
    return
  }
  const findings = await main(invocation)
  for (const finding of findings) process.stderr.write(`${formatFinding(invocation.root, finding)}\n`)
  if (findings.length > 0) process.exitCode = 1
}
