/**
 * The limits of every room, read from its sources: exported constants and documented options whose names say so.
 * They make docs/limits.md, and each must stand in its package's README.
 */
import { existing, folderOf, type Room } from './rooms.ts'
import { type AstNode, filesOf, parse, type Source, walk } from './sources.ts'

export interface Limit {
  readonly name: string
  readonly value: string
  /** First sentence of its comment. */
  readonly meaning: string
  readonly file: string
  readonly line: number
}

const constant = /(^|_)(MAX|MIN|LIMIT|TIMEOUT)(_|$)/
const option = /(Max|Min|TimeoutMs)$|^max[A-Z]/

function commentBefore(source: Source, at: number): string {
  const comment = source.comments.findLast(
    ({ start, value }) => start < at && source.text.slice(start + value.length + 4, at).trim() === '',
  )
  return (comment?.value ?? '').replaceAll(/^\s*\*+ ?/gm, '').trim()
}

const meaningOf = (comment: string): string =>
  comment
    .split(/\n?@|(?<=[.:;])\s/, 1)[0]
    ?.replaceAll(/\s+/g, ' ')
    .trim() ?? ''

function limitsIn(source: Source): Limit[] {
  const found: Limit[] = []
  const add = (name: string, value: string, comment: string, at: number): void => {
    found.push({
      name,
      value: value.replaceAll('|', String.raw`\|`),
      meaning: meaningOf(comment),
      file: source.file,
      line: source.lineAt(at),
    })
  }
  walk(source.program, (node) => {
    const key = node.key as AstNode | undefined
    if (node.type === 'TSPropertySignature' && typeof key?.name === 'string' && option.test(key.name)) {
      const comment = commentBefore(source, node.start)
      const byDefault = /@default\s+(.+)/.exec(comment)?.[1]
      if (byDefault !== undefined) add(key.name, byDefault.replace(/\.$/, ''), comment, node.start)
    }
    const statement = node.declaration as AstNode | undefined
    const isInner = source.file.split('/').length > 4 // a folder's own constants are no limit of the package
    if (isInner || node.type !== 'ExportNamedDeclaration' || statement?.type !== 'VariableDeclaration') return
    for (const { id, init } of statement.declarations as readonly { id: AstNode; init: AstNode | null }[]) {
      const name = String(id.name)
      const isValue = init !== null && !/Function/.test(init.type)
      if (isValue && /^[A-Z][A-Z0-9_]+$/.test(name) && constant.test(name))
        add(name, source.text.slice(init.start, init.end), commentBefore(source, node.start), node.start)
    }
  })
  return found
}

export function limitsOf(root: string, room: Room): readonly Limit[] {
  const found = filesOf(root, `${folderOf(room)}/src`, (name) => name.endsWith('.ts')).flatMap((file) => limitsIn(parse(root, file)))
  return found.filter((limit, index) => index === found.findIndex(({ name, value }) => name === limit.name && value === limit.value))
}

/** The generated part of docs/limits.md. */
export function limitsPage(root: string): string {
  return existing(root)
    .map((room) => ({ room, limits: limitsOf(root, room) }))
    .filter(({ limits }) => limits.length > 0)
    .map(({ room, limits }) => {
      const rows = limits.map(
        ({ name, value, meaning, file }) =>
          `| \`${name}\` | \`${value.replaceAll('`', '')}\` | ${meaning} | [\`${file.split('/').at(-1)}\`](../${file}) |`,
      )
      return [`### ${room.name}`, '', '| name | default | meaning | file |', '| --- | --- | --- | --- |', ...rows].join('\n')
    })
    .join('\n\n')
}
