/**
 * The runtimes that packages are tested in, found in this package's own dependencies: exact versions from the lockfile, nothing global.
 *
 * They are optional dependencies because most are published for a few platforms only. On linux-x64, where every one of them is, a missing
 * one fails the run; elsewhere whoever tests says by name what was left out.
 */
import { existsSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { chromiumPath } from './chromium.ts'

export type RuntimeName = 'node-20' | 'node-22' | 'node-24' | 'deno' | 'bun' | 'workerd' | 'chromium'

export interface Runtime {
  readonly name: RuntimeName
  /** The program, or undefined where it is not installed. */
  readonly binary: string | undefined
  /** `20.20.2`, as its package says. */
  readonly version: string | undefined
}

const require = createRequire(import.meta.url)

/** The folder of a dependency of `from`, whatever its `exports` allow. */
function folderOf(name: string, from: NodeJS.Require = require): string | undefined {
  for (const folder of from.resolve.paths(name) ?? []) if (existsSync(join(folder, name, 'package.json'))) return join(folder, name)
  return undefined
}

function versionOf(folder: string | undefined): string | undefined {
  return folder === undefined ? undefined : (require(join(folder, 'package.json')) as { version: string }).version
}

/** A binary inside `name`, or inside its dependency for this platform, `platformName`. */
function packaged(runtime: RuntimeName, name: string, file: string, platformName?: string): Runtime {
  const folder = folderOf(name)
  const inner =
    folder !== undefined && platformName !== undefined
      ? folderOf(platformName, createRequire(join(realpathSync(folder), 'package.json')))
      : folder
  const binary = inner === undefined ? undefined : join(inner, file)
  return { name: runtime, binary: binary !== undefined && existsSync(binary) ? binary : undefined, version: versionOf(folder) }
}

/** Node 24 is the one that runs this; the others are started beside it. */
export function runtimes(): readonly Runtime[] {
  const chromium = chromiumPath()
  return [
    packaged('node-20', 'node-20', 'bin/node'),
    packaged('node-22', 'node-22', 'bin/node'),
    { name: 'node-24', binary: process.execPath, version: process.version.slice(1) },
    packaged('deno', 'deno', 'deno', `@deno/${process.platform}-${process.arch}-glibc`),
    packaged('bun', `@oven/bun-${process.platform}-${process.arch}`, 'bin/bun'),
    packaged(
      'workerd',
      'workerd',
      'bin/workerd',
      `@cloudflare/workerd-${process.platform}-${process.arch === 'x64' ? '64' : process.arch}`,
    ),
    { name: 'chromium', binary: chromium, version: versionOf(folderOf('@sparticuz/chromium')) },
  ]
}

/** Whether every runtime must be there. */
export const isComplete: boolean = process.platform === 'linux' && process.arch === 'x64'

/**
 * The runtimes that are installed.
 *
 * @throws where all must be and one is not; elsewhere says on standard error which are missing.
 */
export function installedRuntimes(): readonly Runtime[] {
  const all = runtimes()
  const missing = all.filter(({ binary }) => binary === undefined).map(({ name }) => name)
  if (missing.length > 0 && isComplete) throw new Error(`not installed: ${missing.join(', ')}. Run: pnpm install --frozen-lockfile`)
  if (missing.length > 0) process.stderr.write(`not tested on this platform, not installed: ${missing.join(', ')}\n`)
  return all.filter(({ binary }) => binary !== undefined)
}
