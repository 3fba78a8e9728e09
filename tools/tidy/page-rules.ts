/** Rules for pages: links lead somewhere, and a package's README has its parts, its codes, its limits and the figures that were measured. */
import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { limitsOf } from '../limits.ts'
import { anchorOf, parseMarkdown, sectionOf } from '../markdown.ts'
import { manifestOf } from '../manifests.ts'
import { blockOf } from '../markers.ts'
import { firstExampleOf } from '../readme.ts'
import { existing, folderOf, type Room } from '../rooms.ts'
import { type AstNode, filesOf, isScript, parse, walk } from '../sources.ts'
import type { Finding } from '../tool.ts'

function checkLinks(root: string, file: string): Finding[] {
  const page = parseMarkdown(readFileSync(join(root, file), 'utf8'))
  return page.links.flatMap(({ target, line }): Finding[] => {
    if (/^[a-z]+:/.test(target)) return []
    const [path = '', anchor] = target.split('#', 2)
    const goal = path === '' ? file : posix.join(posix.dirname(file), decodeURI(path))
    if (!existsSync(join(root, goal))) return [{ file, line, message: `links to ${target}, which does not exist` }]
    if (anchor === undefined || !goal.endsWith('.md')) return []
    const { headings } = parseMarkdown(readFileSync(join(root, goal), 'utf8'))
    return headings.some(({ title }) => anchorOf(title) === anchor)
      ? []
      : [{ file, line, message: `links to ${target}, which has no such heading` }]
  })
}

/** Whether `docs/protocol/<page>.md` has a heading numbered `section`. */
function hasSection(root: string, page: string, section: string): boolean {
  const path = join(root, 'docs/protocol', page)
  if (!existsSync(path)) return false
  return parseMarkdown(readFileSync(path, 'utf8')).headings.some(({ title }) => title.split(' ', 1)[0] === section)
}

/** Sources cite pages by path, and protocols by page and section (`sessions.md §3`); both must exist here. */
function checkCitations(root: string, file: string): Finding[] {
  const { comments, lineAt } = parse(root, file)
  return comments.flatMap(({ value, start }) => {
    const paths = [...value.matchAll(/\bdocs\/[\w./-]+\.md\b/g)].map(([path]) => path).filter((path) => !existsSync(join(root, path)))
    const sections = [...value.matchAll(/\b([a-z-]+\.md) §(\d+(?:\.\d+)*)/g)].filter(
      ([, page = '', section = '']) => !hasSection(root, page, section),
    )
    const missing = [
      ...paths.map((path) => `${path}, which does not exist`),
      ...sections.map(([cited]) => `${cited}, which docs/protocol does not have`),
    ]
    return missing.map((message) => ({ file, line: lineAt(start), message: `cites ${message}` }))
  })
}

/** Codes are the literals of every union type called `…ErrorCode`. */
export function errorCodesOf(root: string, room: Room): readonly string[] {
  const codes: string[] = []
  for (const file of filesOf(root, `${folderOf(room)}/src`, (name) => name.endsWith('.ts'))) {
    walk(parse(root, file).program, (node) => {
      if (node.type !== 'TSTypeAliasDeclaration' || !String((node.id as AstNode).name).endsWith('ErrorCode')) return
      walk(node, ({ type, value }) => {
        if (type === 'Literal' && typeof value === 'string') codes.push(value)
      })
    })
  }
  return codes
}

function sectionsOf(root: string, room: Room): readonly RegExp[] {
  const has = (path: string): boolean => existsSync(join(root, folderOf(room), path))
  const errors = has('src/errors.ts') ? [/^Errors/] : []
  const numbers = has('bench/package.json') ? [/^Numbers/] : []
  const limits = errors.length > 0 || limitsOf(root, room).length > 0 ? [/^Limits/] : [] // what is only types bounds nothing
  return [/^Install/, /^Guarantees/, /^What it does not do/, ...limits, ...errors, ...numbers, /^Dependencies/]
}

function checkReadme(root: string, room: Room): Finding[] {
  const file = `${folderOf(room)}/README.md`
  if (!existsSync(join(root, file))) return [{ file, message: 'is missing' }]
  const text = readFileSync(join(root, file), 'utf8')
  const titles = parseMarkdown(text)
    .headings.filter(({ level }) => level === 2)
    .map(({ title }) => title)
  const places = sectionsOf(root, room).map((wanted) => ({ wanted, at: titles.findIndex((title) => wanted.test(title)) }))
  const messages = places.filter(({ at }) => at === -1).map(({ wanted }) => `has no section ## ${wanted.source.slice(1)}`)
  const order = places.filter(({ at }) => at !== -1)
  const swapped = order.find(({ at }, index) => at < (order[index - 1]?.at ?? -1))
  if (swapped !== undefined) messages.push(`has ## ${swapped.wanted.source.slice(1)} too early`)
  if (firstExampleOf(text) === undefined) messages.push('has no ts or js example that runs')
  const limits = sectionOf(text, /^Limits/) ?? ''
  messages.push(
    ...errorCodesOf(root, room)
      .filter((code) => !text.includes(`\`${code}\``))
      .map((code) => `does not explain the code ${code}`),
  )
  messages.push(
    ...limitsOf(root, room)
      .filter(({ name }) => !limits.includes(`\`${name}`))
      .map(({ name }) => `does not name the limit ${name}`),
  )
  const { dependencies = {}, peerDependencies = {}, optionalDependencies = {} } = manifestOf(root, room)
  const reasons = sectionOf(text, /^Dependencies/) ?? ''
  const declared = Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies })
  messages.push(...declared.filter((name) => !reasons.includes(`\`${name}\``)).map((name) => `does not say why it depends on ${name}`))
  const results = join(root, folderOf(room), 'bench/RESULTS.md')
  const measured = existsSync(results) ? blockOf(readFileSync(results, 'utf8'), 'bench') : undefined
  if (measured !== undefined && blockOf(text, 'bench') !== measured)
    messages.push('shows other figures than bench/RESULTS.md: run pnpm bench')
  return messages.map((message) => ({ file, message }))
}

export function checkPages(root: string): Finding[] {
  const pages = filesOf(root, '.', (name) => name.endsWith('.md') && !name.endsWith('CHANGELOG.md'))
  const sources = filesOf(root, '.', isScript)
  const rooms = existing(root)
  return [
    ...pages.flatMap((file) => checkLinks(root, file)),
    ...sources.flatMap((file) => checkCitations(root, file)),
    ...rooms.flatMap((room) => checkReadme(root, room)),
  ]
}
