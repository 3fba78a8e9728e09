/** A digest of sources: of entries, and of everything of ours that they load. Equal digests: the same code, wherever it ran. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tokensOf } from '../adversarial/tokens.ts'

/** What is left of an import when types are stripped; `import type` and `export type` are not. */
const IMPORT = /^(?:import|export) (?!type\b)(?:[\w\s{},*]+ from )?'([^']+)'/gm
const packages = fileURLToPath(new URL('../../../', import.meta.url))

/** Paths of `entries` and of all that they import inside this repository, ascending. Third-party packages are pinned elsewhere. */
export function sourcesOf(entries: readonly URL[]): readonly string[] {
  const found = new Set<string>(entries.map((entry) => fileURLToPath(entry)))
  for (const file of found) {
    const { resolve } = createRequire(file)
    for (const [, name] of readFileSync(file, 'utf8').matchAll(IMPORT)) {
      if (name!.startsWith('node:')) continue
      const path = resolve(name!)
      if (!path.includes('/node_modules/')) found.add(path)
    }
  }
  return [...found].sort()
}

/** 12 hex digits over path and tokens of each source: a comment more changes nothing. Needs the condition `@selvedge/source`. */
export function sourceDigestOf(...entries: readonly URL[]): string {
  const hash = createHash('sha256')
  for (const file of sourcesOf(entries)) {
    const tokens = tokensOf(readFileSync(file, 'utf8'))
    hash.update([relative(packages, file), tokens.length, ...tokens.map(({ text }) => text), ''].join('\0'))
  }
  return hash.digest('hex').slice(0, 12)
}
