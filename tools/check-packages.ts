/**
 * Holds every package as its users get it: packed, linted, typed, installed alone, and run.
 *
 *   node tools/check-packages.ts [--root DIR]
 *
 * Each tarball passes publint and are-the-types-wrong (ES modules only), installs into an empty project with nothing of ours but what it
 * declares, runs the first example of its README there, and keeps its size (size.ts). The tarballs are made once for all of it.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
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

const checkExample: Check = async (root, { room, project }) => {
  const file = `${folderOf(room)}/README.md`
  const example = existsSync(join(root, file)) ? firstExampleOf(readFileSync(join(root, file), 'utf8')) : undefined
  if (example === undefined) return [{ file, message: 'has no example that runs' }]
  writeFileSync(join(project, 'example.mjs'), example.code)
  const { code, output } = await runCommand(process.execPath, ['example.mjs'], { cwd: project, timeoutMs: 60_000 })
  const message = `the first example ended with code ${code} with nothing but the tarball installed\n${indented(output)}`
  return code === 0 ? [] : [{ file, line: example.line + 1, message }]
}

export async function checkPackages(root: string, options: { isBuilt?: boolean } = {}): Promise<readonly Finding[]> {
  const packed = await preparePackages(root, options)
  const jobs = packed.flatMap((each) => [checkPublint, checkTypes, checkExample].map((check) => () => check(root, each)))
  const [found, { findings }] = await Promise.all([inParallel(jobs, (job) => job()), weigh(packed)])
  return [...found.flat(), ...findings]
}

await runTool(import.meta, async ({ root, flags }) => checkPackages(root, { isBuilt: flags.has('--built') }))
