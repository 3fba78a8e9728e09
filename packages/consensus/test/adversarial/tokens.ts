/**
 * TypeScript as a stream of tokens, for matching patches: white space, comments, semicolons and the kind of quotes do not count.
 *
 * TypeScript 7 has no stable scanner to import, and this needs no more than where a token begins and ends. Regular expression literals
 * are not known: the sources that are patched have none, and a test scans them all.
 */
export interface Token {
  readonly text: string
  readonly start: number
  readonly end: number
}

const OPERATORS = '>>>= ... === !== **= <<= >>= >>> &&= ||= ??= => == != <= >= && || ?? ?. ++ -- += -= *= /= %= &= |= ^= << >> **'.split(
  ' ',
)
const SPACE = /\s+|\/\/[^\n]*|\/\*[^]*?\*\/|;/y
const WORD = /[#@\p{ID_Start}$_][\p{ID_Continue}$]*/uy
const NUMBER = /0[xXoObB][\da-fA-F_]+n?|\d[\d_]*(?:\.[\d_]+)?(?:[eE][+-]?\d+)?n?/y
const STRING = /'(?:[^'\\\n]|\\[^])*'|"(?:[^"\\\n]|\\[^])*"/y

export function tokensOf(source: string): readonly Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < source.length; ) {
    const space = lengthAt(SPACE, source, at)
    if (space > 0) {
      at += space
      continue
    }
    const length =
      lengthAt(STRING, source, at) || templateLengthAt(source, at) || lengthAt(WORD, source, at) || lengthAt(NUMBER, source, at)
    const end = at + (length || (OPERATORS.find((operator) => source.startsWith(operator, at))?.length ?? 1))
    const text = source.slice(at, end)
    tokens.push({ text: /^['"]/.test(text) ? `'${text.slice(1, -1)}'` : text, start: at, end })
    at = end
  }
  return tokens
}

function lengthAt(pattern: RegExp, source: string, at: number): number {
  pattern.lastIndex = at
  return pattern.exec(source)?.[0].length ?? 0
}

/** A template with all that is inside it is one token. */
function templateLengthAt(source: string, start: number): number {
  if (source[start] !== '`') return 0
  for (let at = start + 1; at < source.length; at++) {
    if (source[at] === '\\') at++
    else if (source[at] === '`') return at + 1 - start
    else if (source.startsWith('${', at)) at = closingBrace(source, at + 2)
  }
  return 0
}

function closingBrace(source: string, start: number): number {
  let at = start
  for (let depth = 1; at < source.length; at++) {
    if (source[at] === '{') depth++
    else if (source[at] === '}' && --depth === 0) return at
    else if (source[at] === '`') at += templateLengthAt(source, at) - 1
  }
  return at
}
