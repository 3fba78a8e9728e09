/** As much of Markdown as the tools read: fenced blocks, headings and links. Code inside fences is never taken for either. */

export interface Block {
  readonly language: string
  /** What follows the language on the fence: `tested-by=test/video.test.ts`. */
  readonly attributes: Readonly<Record<string, string>>
  readonly code: string
  readonly line: number
}

export interface Heading {
  readonly level: number
  readonly title: string
  readonly line: number
}

export interface Page {
  readonly blocks: readonly Block[]
  readonly headings: readonly Heading[]
  readonly links: readonly { readonly target: string; readonly line: number }[]
}

const attributesOf = (info: string): Record<string, string> => {
  const words = info.split(/\s+/).filter((word) => word !== '')
  return Object.fromEntries(words.map((word) => [word.split('=', 1)[0] ?? '', word.includes('=') ? word.slice(word.indexOf('=') + 1) : '']))
}

export function parseMarkdown(text: string): Page {
  const blocks: Block[] = []
  const headings: Heading[] = []
  const links: { target: string; line: number }[] = []
  let fence: { mark: string; info: string; line: number; lines: string[] } | undefined
  for (const [index, content] of text.split('\n').entries()) {
    const line = index + 1
    const mark = /^\s*(```+|~~~+)(.*)$/.exec(content)
    if (fence !== undefined) {
      if (mark?.[1]?.startsWith(fence.mark) && mark[2]?.trim() === '') {
        const [language = '', ...rest] = fence.info.split(/\s+/)
        blocks.push({ language, attributes: attributesOf(rest.join(' ')), code: `${fence.lines.join('\n')}\n`, line: fence.line })
        fence = undefined
      } else fence.lines.push(content)
    } else if (mark !== null) fence = { mark: mark[1] ?? '```', info: (mark[2] ?? '').trim(), line, lines: [] }
    else {
      const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(content)
      if (heading !== null) headings.push({ level: heading[1]?.length ?? 1, title: heading[2] ?? '', line })
      const prose = content.replaceAll(/`[^`]*`/g, '')
      for (const [, inline, reference] of prose.matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)|^\[[^\]]+\]:\s*(\S+)/g)) {
        links.push({ target: inline ?? reference ?? '', line })
      }
    }
  }
  return { blocks, headings, links }
}

/** The anchor that hosts make of a heading. */
export function anchorOf(title: string): string {
  const plain = title.toLowerCase().replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
  return plain.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-')
}

/** The part of a page under the first heading whose title matches, to the next heading of its level or above. */
export function sectionOf(text: string, title: RegExp): string | undefined {
  const { headings } = parseMarkdown(text)
  const at = headings.findIndex((heading) => title.test(heading.title))
  const heading = headings[at]
  if (heading === undefined) return undefined
  const next = headings.slice(at + 1).find(({ level }) => level <= heading.level)
  return text
    .split('\n')
    .slice(heading.line, next === undefined ? undefined : next.line - 1)
    .join('\n')
}
