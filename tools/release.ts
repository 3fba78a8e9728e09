/**
 * Releases what changed: versions from the changesets, build, every check and test, publish with provenance, tag.
 *
 *   node tools/release.ts [--publish] [--root DIR]
 *
 * Without `--publish` nothing is changed: it says what would be released and which commands would run. It refuses a tree with changes that
 * are not committed. A package with `"private": true` is never published.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { manifestOf } from './manifests.ts'
import { existing } from './rooms.ts'
import { runCommand } from './run-command.ts'
import { type Finding, runTool } from './tool.ts'

type Bump = 'major' | 'minor' | 'patch'

export interface Release {
  readonly name: string
  readonly from: string
  readonly bump: Bump
}

const weight = { patch: 1, minor: 2, major: 3 } as const

/** What the waiting changesets ask for: each package's largest bump. */
export function releasesOf(root: string): Release[] {
  const folder = join(root, '.changeset')
  const bumps = new Map<string, Bump>()
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.md') && name !== 'README.md') : []
  for (const file of files) {
    const front = /^---\n(.*?)---/s.exec(readFileSync(join(folder, file), 'utf8'))?.[1] ?? ''
    for (const [, name = '', bump] of front.matchAll(/^['"]?(@?[\w/-]+)['"]?:\s*(major|minor|patch)$/gm)) {
      const known = bumps.get(name)
      if (known === undefined || weight[bump as Bump] > weight[known]) bumps.set(name, bump as Bump)
    }
  }
  const manifests = existing(root).map((room) => manifestOf(root, room))
  const waiting = manifests.filter(({ name, private: isPrivate }) => isPrivate !== true && bumps.has(name))
  return waiting.map(({ name, version }) => ({ name, from: version, bump: bumps.get(name) as Bump }))
}

const steps: readonly (readonly [command: string, ...args: string[]])[] = [
  ['changeset', 'version'],
  ['pnpm', 'install', '--lockfile-only'],
  ['pnpm', 'run', 'build'],
  ['npm', 'test'],
  ['git', 'commit', '--all', '--message', 'release: versions from changesets'],
  ['pnpm', '--recursive', 'publish', '--access', 'public', '--provenance', '--no-git-checks'],
  ['changeset', 'tag'],
]

export async function release(root: string, isPublished: boolean): Promise<Finding[]> {
  const releases = releasesOf(root)
  for (const { name, from, bump } of releases) process.stdout.write(`${name} ${from}: ${bump}\n`)
  if (releases.length === 0)
    return [{ file: '.changeset', message: 'no changeset names a package that is published: there is nothing to release' }]
  const { output } = await runCommand('git', ['status', '--porcelain'], { cwd: root })
  if (output.trim() !== '') return [{ file: '.', message: `commit or drop these first:\n${output.trimEnd()}` }]
  for (const [command, ...args] of steps) {
    process.stdout.write(`${isPublished ? 'running' : 'would run'}: ${[command, ...args].join(' ')}\n`)
    if (!isPublished) continue
    const outcome = await runCommand(command, args, { cwd: root, timeoutMs: 1_800_000 })
    if (outcome.code !== 0) return [{ file: '.', message: `${command} ended with code ${outcome.code}\n${outcome.output}` }]
  }
  return []
}

await runTool(import.meta, async ({ root, flags }) => release(root, flags.has('--publish')))
