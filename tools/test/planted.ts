/** A small tree with one fault in it, inside the clone's ignored folder, removed after the test. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type Finding, formatFinding, top } from '../tool.ts'

export type Tree = Readonly<Record<string, string | Uint8Array | object>>

export function plant(tree: Tree): string {
  mkdirSync(join(top, '.tmp'), { recursive: true })
  const root = mkdtempSync(join(top, '.tmp/planted-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  for (const [file, content] of Object.entries(tree)) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content))
  }
  return root
}

/** A manifest of a room as the tools expect it, with what the test adds. */
export const manifest = (name: string, rest: object = {}): object => {
  return { name: `@selvedge/${name}`, version: '0.1.0', exports: { '.': { '@selvedge/source': './src/index.ts' } }, ...rest }
}

export const linesOf = (root: string, findings: readonly Finding[]): string[] => findings.map((finding) => formatFinding(root, finding))
