/** Rules for the tree: what files are called, how large they are, and what must not stand in any of them. */
import { readFileSync, statSync } from 'node:fs'
import { basename, dirname, join, matchesGlob } from 'node:path'
import { existing, folderOf } from '../rooms.ts'
import { filesOf, isScript } from '../sources.ts'
import type { Finding } from '../tool.ts'

const BLOB_BYTES_MAX = 256 * 2 ** 10
const TEXT_BYTES_MAX = 16 * 2 ** 20
const vague = new Set(['utils', 'util', 'helpers', 'helper', 'common', 'misc'])

function checkName(file: string): string[] {
  const segments = file.split('/').slice(0, -1)
  const stem = basename(file).split('.', 1)[0] ?? ''
  const messages = [...segments, stem].filter((part) => vague.has(part)).map((part) => `is called ${part}: name it for what it holds`)
  const isPlain = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)+$/.test(basename(file))
  if (isScript(file) && !isPlain) messages.push('is not in kebab-case')
  if (/^(packages|apps)\/[^/]+\/test\/[^/]+\.ts$/.test(file) && /\.(spec|tests)\.ts$/.test(file)) messages.push('is not called *.test.ts')
  return messages
}

/** A folder of sources needs three files. */
function checkFolders(files: readonly string[]): Finding[] {
  const counts = new Map<string, number>()
  for (const file of files) {
    const folder = dirname(file)
    if (/^(packages|apps)\/[^/]+\/src\/./.test(folder)) counts.set(folder, (counts.get(folder) ?? 0) + 1)
  }
  const small = [...counts].filter(([, count]) => count < 3)
  return small.map(([file, count]) => ({ file, message: `is a folder of ${count} ${count === 1 ? 'file' : 'files'}: three make a folder` }))
}

/** Places of this machine, and hosts that a clone elsewhere would be sent to. */
function forbiddenIn(root: string): readonly { readonly pattern: RegExp; readonly message: string }[] {
  const places = [root, dirname(root)].filter(
    (place) => place.split('/').length > 1 && !['/', '/home', '/tmp', '/usr', '/opt', '/srv', '/var'].includes(place),
  )
  const escaped = places.map((place) => place.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
  return [
    { pattern: /\bregistry\.[a-z]+js\.org|\bregistry\.yarnpkg\.com|^\s*registry\s*=/m, message: 'names a registry host' },
    { pattern: /(?<![\w.])\/(?:home|Users)\/[a-z]\w*\//, message: 'names a path of one machine' },
    ...escaped.map((place) => ({ pattern: new RegExp(String.raw`(?<![\w./-])${place}\/`), message: 'names the path of this clone' })),
  ]
}

export function checkTree(root: string): Finding[] {
  const files = filesOf(root)
  const forbidden = forbiddenIn(root)
  const findings = files.flatMap((file): Finding[] => {
    const found = checkName(file).map((message): Finding => ({ file, message }))
    const { size } = statSync(join(root, file))
    if (size > BLOB_BYTES_MAX && basename(file) !== 'pnpm-lock.yaml')
      found.push({ file, message: `is ${size} bytes, more than ${BLOB_BYTES_MAX}` })
    if (size > TEXT_BYTES_MAX) return found // reported above, and no text
    const text = readFileSync(join(root, file), 'latin1')
    for (const { pattern, message } of forbidden) {
      const at = text.search(pattern)
      if (at !== -1) found.push({ file, line: text.slice(0, at).split('\n').length, message })
    }
    return found
  })
  const lockfiles = files.filter((file) => basename(file) === 'pnpm-lock.yaml')
  const bound = lockfiles.filter((file) => /https?:\/\/[^\s'"]*\.tgz/.test(readFileSync(join(root, file), 'utf8')))
  return [
    ...findings,
    ...bound.map((file) => ({ file, message: 'names a host in a resolution' })),
    ...checkFolders(files),
    ...checkCores(root, files),
  ]
}

/** A list of cores that names no file would hold nothing. */
function checkCores(root: string, files: readonly string[]): Finding[] {
  return existing(root).flatMap((room) => {
    const globs = typeof room.deterministic === 'boolean' ? [] : room.deterministic
    const empty = globs.filter((glob) => !files.some((file) => matchesGlob(file, `${folderOf(room)}/${glob}`)))
    return empty.map((glob) => ({ file: 'tools/rooms.ts', message: `${room.name}: no file matches its core ${glob}` }))
  })
}
