/**
 * JSON of objects, lists and strings alone, and strictly: no number (integers are decimal strings: nothing rounds), no key twice, nothing
 * deeper than `DEPTH_MAX`, nothing behind the value.
 */
import { LedgerError } from '../errors.ts'

export type StrictJson = string | readonly StrictJson[] | ReadonlyMap<string, StrictJson>

const DEPTH_MAX = 8
const QUOTE = 0x22
const BACKSLASH = 0x5c
const SPACES: ReadonlySet<number> = new Set([0x20, 0x0a, 0x0d, 0x09])

/** @throws {LedgerError} `LEDGER_BAD_GENESIS` */
export function parseStrictJson(text: string): StrictJson {
  const parser = new StrictParser(text)
  const value = parser.value(0)
  parser.end()
  return value
}

class StrictParser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  value(depth: number): StrictJson {
    if (depth > DEPTH_MAX) throw this.#fault('is nested too deep')
    switch (this.#peek()) {
      case '"':
        return this.#string()
      case '[':
        return this.#list(depth)
      case '{':
        return this.#object(depth)
      default:
        throw this.#fault('must be a string, a list or an object')
    }
  }

  end(): void {
    if (this.#peek() !== '') throw this.#fault('follows the value')
  }

  #list(depth: number): StrictJson[] {
    const items: StrictJson[] = []
    this.#take('[')
    if (this.#isNext(']')) return items
    do items.push(this.value(depth + 1))
    while (this.#isNext(','))
    this.#take(']')
    return items
  }

  #object(depth: number): ReadonlyMap<string, StrictJson> {
    const fields = new Map<string, StrictJson>()
    this.#take('{')
    if (this.#isNext('}')) return fields
    do {
      if (this.#peek() !== '"') throw this.#fault('must be a key')
      const key = this.#string()
      if (fields.has(key)) throw this.#fault(`stands behind a second '${key}'`)
      this.#take(':')
      fields.set(key, this.value(depth + 1))
    } while (this.#isNext(','))
    this.#take('}')
    return fields
  }

  /** Called at a quote. What stands between the quotes JSON itself reads. */
  #string(): string {
    const start = this.#at
    let end = start + 1
    for (; this.#text.charCodeAt(end) !== QUOTE; end++) {
      if (end >= this.#text.length) throw this.#fault('is a string without end')
      if (this.#text.charCodeAt(end) === BACKSLASH) end++
    }
    this.#at = end + 1
    try {
      return JSON.parse(this.#text.slice(start, end + 1)) as string
    } catch {
      throw this.#fault('follows a string that is none') // a control character or an unknown escape: JSON throws SyntaxError alone
    }
  }

  #peek(): string {
    while (SPACES.has(this.#text.charCodeAt(this.#at))) this.#at++
    return this.#text.charAt(this.#at)
  }

  #isNext(character: string): boolean {
    if (this.#peek() !== character) return false
    this.#at++
    return true
  }

  #take(character: string): void {
    if (!this.#isNext(character)) throw this.#fault(`must be '${character}'`)
  }

  #fault(why: string): LedgerError {
    return new LedgerError('LEDGER_BAD_GENESIS', `genesis file: what stands at character ${this.#at} ${why}`, { at: this.#at })
  }
}
