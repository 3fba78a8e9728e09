/**
 * How deep a JSON text is nested, in one pass and without parsing it: the engine's parser has no limit of its own, and what is parsed
 * before it is bounded costs its sender nothing. Text that is no JSON gets some number; the parser refuses it afterwards.
 */
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Whether `text` opens more than `depthMax` arrays and objects within each other. Linear in `text`, no allocation. */
export function isDeeperThan(text: string, depthMax: number): boolean {
  let depth = 0
  let isInString = false
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (isInString) {
      if (unit === BACKSLASH) i++
      else if (unit === QUOTE) isInString = false
    } else if (unit === QUOTE) isInString = true
    else if (unit === 0x5b || unit === 0x7b) {
      if (++depth > depthMax) return true
    } else if (unit === 0x5d || unit === 0x7d) depth--
  }
  return false
}
