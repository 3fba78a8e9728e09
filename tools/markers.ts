/**
 * Generated parts of hand-written pages: everything between `<!-- name -->` and `<!-- /name -->` belongs to a tool, the rest to people.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { Finding } from './tool.ts'

const open = (name: string): string => `<!-- ${name} -->`
const close = (name: string): string => `<!-- /${name} -->`

/** The text between the markers, or undefined where they are missing. */
export function blockOf(page: string, name: string): string | undefined {
  const start = page.indexOf(open(name))
  const end = page.indexOf(close(name))
  return start === -1 || end < start ? undefined : page.slice(start + open(name).length, end).trim()
}

export function withBlock(page: string, name: string, text: string): string {
  const start = page.indexOf(open(name)) + open(name).length
  return `${page.slice(0, start)}\n${text}\n${page.slice(page.indexOf(close(name)))}`
}

/** Writes `text` between the markers of `file`, or reports that what stands there differs. */
export function holdBlock(file: string, name: string, text: string, write: boolean): Finding[] {
  const page = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const present = blockOf(page, name)
  if (present === undefined) return [{ file, message: `has no ${open(name)} … ${close(name)}` }]
  if (present === text.trim()) return []
  if (!write) return [{ file, message: `the part ${open(name)} is not what the tools generate: run pnpm run docs` }]
  writeFileSync(file, withBlock(page, name, text.trim()))
  return []
}
