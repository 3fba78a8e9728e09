/**
 * Files of the tree and what a parser sees in them: the ground that the import check and the tidy rules stand on.
 *
 * The parser is oxc's, the same that lints: TypeScript 7 has no programming interface. Ignored files are those whose plain names stand in
 * `.gitignore`; the tree of a test needs no git.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSync } from 'oxc-parser'

const alwaysIgnored = ['.git', 'node_modules', 'dist', '.toolchain', '.turbo', '.tmp']

/** Every file under `folder` of `root` that is not ignored, as paths from `root` with `/`, sorted. */
export function filesOf(root: string, folder = '.', keep: (name: string) => boolean = () => true): string[] {
  const gitignore = existsSync(join(root, '.gitignore')) ? readFileSync(join(root, '.gitignore'), 'utf8') : ''
  const lines = gitignore.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const ignored = new Set([...alwaysIgnored, ...lines.map((line) => line.replace(/^\//, '').replace(/\/$/, ''))])
  const endings = lines.filter((line) => line.startsWith('*.')).map((line) => line.slice(1))
  const found: string[] = []
  const visit = (path: string): void => {
    for (const entry of readdirSync(join(root, path), { withFileTypes: true })) {
      const name = path === '.' ? entry.name : `${path}/${entry.name}`
      if (ignored.has(entry.name) || endings.some((ending) => entry.name.endsWith(ending))) continue
      if (entry.isDirectory()) visit(name)
      else if (entry.isFile() && keep(name)) found.push(name)
    }
  }
  if (existsSync(join(root, folder))) visit(folder)
  return found.sort()
}

export interface AstNode {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

const isNode = (value: unknown): value is AstNode =>
  typeof value === 'object' && value !== null && typeof (value as AstNode).type === 'string'

/** What a visitor says of a node: `false` leaves out what is inside it. */
export type Visit = (node: AstNode, ancestors: readonly AstNode[]) => unknown

/** Calls `visit` for every node in source order, with its ancestors, nearest last. */
export function walk(node: AstNode, visit: Visit, ancestors: readonly AstNode[] = []): void {
  if (visit(node, ancestors) === false) return
  const inside = [...ancestors, node]
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) walk(child, visit, inside)
  }
}

export interface Import {
  readonly specifier: string
  readonly line: number
  /** The file does not load without it: no `import()`, no `require` that may fail, no type. */
  readonly isNeeded: boolean
}

export interface Source {
  readonly file: string
  readonly text: string
  readonly program: AstNode
  readonly comments: readonly { readonly value: string; readonly start: number }[]
  /** Everything this file names of others: imports, re-exports, `import()`, types included. */
  readonly imports: readonly Import[]
  readonly lineAt: (offset: number) => number
}

const textOf = (value: unknown): string | undefined => {
  return isNode(value) && value.type === 'Literal' && typeof value.value === 'string' ? value.value : undefined
}

/** `import … from`, `export … from`, `import('…')` as a value and as a type, and `require('…')`. */
function specifierOf(node: AstNode): string | undefined {
  const importing = ['ImportDeclaration', 'ExportNamedDeclaration', 'ExportAllDeclaration', 'ImportExpression', 'TSImportType']
  if (importing.includes(node.type)) return textOf(node.source) ?? textOf(node.argument)
  const callee = node.callee
  const requires = node.type === 'CallExpression' && isNode(callee) && callee.name === 'require'
  return requires ? textOf((node.arguments as readonly unknown[])[0]) : undefined
}

const isNeeded = ({ type, importKind, exportKind }: AstNode): boolean =>
  /^(Import|Export\w+)Declaration$/.test(type) && (importKind ?? exportKind) !== 'type'

const parsed = new Map<string, Source>()

export function parse(root: string, file: string): Source {
  const path = join(root, file)
  const text = readFileSync(path, 'utf8')
  const known = parsed.get(path)
  if (known?.text === text) return known
  const { program, comments, errors } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`)
  const lineAt = (offset: number): number => text.slice(0, offset).split('\n').length
  const imports: Import[] = []
  walk(program as unknown as AstNode, (node) => {
    const specifier = specifierOf(node)
    if (specifier !== undefined) imports.push({ specifier, line: lineAt(node.start), isNeeded: isNeeded(node) })
  })
  const source: Source = { file, text, program: program as unknown as AstNode, comments, imports, lineAt }
  parsed.set(path, source)
  return source
}

export const isScript = (name: string): boolean => /\.(ts|mts|mjs|js)$/.test(name)
