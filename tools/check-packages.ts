/**
 * Holds every package as its users get it: packed, linted, typed, installed alone, and run.
 *
 *   node tools/check-packages.ts [--root DIR]
 *
 * Each tarball passes publint and are-the-types-wrong (ES modules only), brings the text of its licence, installs into an empty project with
 * nothing of ours but what it declares, runs the first example of its README there in every Node that it says it runs on, answers `--help`
 * by every command that it brings, and keeps its size (size.ts). The tarballs are made once for all of it.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { isComplete, type Runtime, runtimes } from './environments/runtimes.ts'
import { type Packed, preparePackages } from './packed.ts'
import { firstExampleOf } from './readme.ts'
import { folderOf } from './rooms.ts'
import { inParallel, runCommand } from './run-command.ts'
import { weigh } from './size.ts'
import { type Finding, runTool, top } from './tool.ts'

type Check = (root: string, packed: Packed) => Promise<readonly Finding[]>

const indented = (text: string): string => text.trim().replaceAll(/^/gm, '    ')

const checkPublint: Check = async (_, { room, tarball }) => {
  const bytes = readFileSync(tarball)
  const { messages, pkg } = await publint({
    pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) },
    strict: true,
  })
  const wrong = messages.filter(({ type }) => type !== 'suggestion')
  return wrong.map((message) => ({
    file: `${folderOf(room)}/package.json`,
    message: `publint: ${formatMessage(message, pkg, { color: false })}`,
  }))
}

const checkTypes: Check = async (_, { room, tarball, manifest }) => {
  const entries = Object.keys(manifest.exports ?? {}).filter((entry) => entry !== './package.json')
  if (entries.length === 0) return [] // a command line has no types
  const command = join(top, 'node_modules/.bin/attw')
  const { code, output } = await runCommand(command, [tarball, '--profile', 'esm-only', '--format', 'ascii', '--no-emoji', '--no-color'], {
    cwd: top,
  })
  return code === 0 ? [] : [{ file: `${folderOf(room)}/package.json`, message: `are-the-types-wrong:\n${indented(output)}` }]
}

/** The Node versions of the environments that `engines` admits; `>=24` means the pinned one alone. */
function nodesFor(range = '>=24'): readonly Runtime[] {
  const oldest = Number(/^>=(\d+)/.exec(range)?.[1] ?? 24)
  return runtimes().filter(({ name }) => name.startsWith('node-') && Number(name.slice('node-'.length)) >= oldest)
}

const checkExample: Check = async (root, { room, project, manifest }) => {
  const file = `${folderOf(room)}/README.md`
  const example = existsSync(join(root, file)) ? firstExampleOf(readFileSync(join(root, file), 'utf8')) : undefined
  if (example === undefined) return [{ file, message: 'has no example that runs' }]
  writeFileSync(join(project, 'example.mjs'), example.code)
  const findings: Finding[] = []
  for (const { name, binary } of nodesFor(manifest.engines?.node)) {
    if (binary === undefined) {
      if (isComplete) findings.push({ file, message: `${name} is not installed, so the first example was not run there` })
      continue
    }
    const { code, output } = await runCommand(binary, ['example.mjs'], { cwd: project, timeoutMs: 60_000 })
    const message = `the first example ended with code ${code} in ${name} with nothing but the tarball installed\n${indented(output)}`
    if (code !== 0) findings.push({ file, line: example.line + 1, message })
  }
  return findings
}

/** A command as its users have it: by its name, from the tarball. */
const checkCommands: Check = async (_, { room, project, manifest }) => {
  const found = await inParallel(Object.keys(manifest.bin ?? {}), async (name): Promise<Finding[]> => {
    const { code, output } = await runCommand(join(project, 'node_modules/.bin', name), ['--help'], { cwd: project, timeoutMs: 60_000 })
    const message = `${name} --help ended with code ${code}\n${indented(output)}`
    return code === 0 ? [] : [{ file: `${folderOf(room)}/package.json`, message }]
  })
  return found.flat()
}

/** Who has the tarball alone has the terms too. */
const checkLicence: Check = async (_, { room, project, manifest }) => {
  if (existsSync(join(project, 'node_modules', manifest.name, 'LICENSE'))) return []
  return [{ file: `${folderOf(room)}/package.json`, message: 'the text of the licence is not in the tarball' }]
}

export async function checkPackages(root: string, options: { isBuilt?: boolean } = {}): Promise<readonly Finding[]> {
  const packed = await preparePackages(root, options)
  const jobs = packed.flatMap((each) =>
    [checkPublint, checkTypes, checkExample, checkCommands, checkLicence].map((check) => () => check(root, each)),
  )
  const [found, { findings }] = await Promise.all([inParallel(jobs, (job) => job()), weigh(packed)])
  return [...found.flat(), ...findings]
}

await runTool(import.meta, async ({ root, flags }) => checkPackages(root, { isBuilt: flags.has('--built') }))
