/** What the files of one room reach over relative imports: no cycle, and no built-in of Node from an entry point that a browser loads. */
import { existsSync } from 'node:fs'
import { join, posix } from 'node:path'
import { browserSourceOf, isBuiltin, manifestOf } from './manifests.ts'
import { browserEntriesOf, folderOf, type Room } from './rooms.ts'
import { isScript, parse, type Source } from './sources.ts'
import type { Finding } from './tool.ts'

interface Visitor {
  readonly visit?: (source: Source) => void
  readonly cycle?: (path: readonly string[]) => void
}

/** Depth-first from `file`: `visit` hears of every file once, `cycle` of every path that comes back to itself. */
function follow(root: string, room: Room, file: string, { visit, cycle }: Visitor): void {
  const { imports: aliases = {} } = manifestOf(root, room)
  const done = new Set<string>()
  const targetOf = (from: string, specifier: string): string | undefined => {
    if (specifier.startsWith('.')) return posix.join(posix.dirname(from), specifier)
    const alias = specifier.startsWith('#') ? browserSourceOf(aliases[specifier]) : undefined
    return alias === undefined ? undefined : posix.join(folderOf(room), alias)
  }
  const enter = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) return cycle?.([...path.slice(path.indexOf(name)), name])
    if (done.has(name) || !isScript(name) || !existsSync(join(root, name))) return
    done.add(name)
    const source = parse(root, name)
    visit?.(source)
    for (const { specifier } of source.imports) {
      const target = targetOf(name, specifier)
      if (target !== undefined) enter(target, [...path, name])
    }
  }
  enter(file, [])
}

export function checkBrowser(root: string, room: Room): Finding[] {
  const { exports: entries } = manifestOf(root, room)
  return browserEntriesOf(room).flatMap((entry): Finding[] => {
    const file = browserSourceOf(entries?.[entry])
    if (file === undefined) return [{ file: `${folderOf(room)}/package.json`, message: `has no browser entry ${entry}` }]
    const findings: Finding[] = []
    const visit = ({ file: name, imports }: Source): void => {
      for (const { specifier, line } of imports) {
        if (isBuiltin(specifier)) findings.push({ file: name, line, message: `the browser entry ${entry} reaches ${specifier}` })
      }
    }
    follow(root, room, posix.join(folderOf(room), file), { visit })
    return findings
  })
}

export function checkCycles(root: string, room: Room, files: readonly string[]): Finding[] {
  const seen = new Map<string, Finding>()
  const cycle = (path: readonly string[]): void => {
    const members = path.slice(1).toSorted().join() // one finding for a cycle, wherever it was entered
    const message = `imports itself: ${path.map((each) => posix.basename(each)).join(' -> ')}`
    if (!seen.has(members)) seen.set(members, { file: path[0] ?? '', message })
  }
  for (const file of files) follow(root, room, file, { cycle })
  return [...seen.values()]
}
