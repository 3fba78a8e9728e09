/**
 * Content types of roots that were served lately. What a root names never changes, so its first bytes are looked at once, and not before each answer.
 *
 * Two generations and no order of use: when the young one is full it becomes the old one, and what was in that and was not asked for meanwhile is
 * forgotten.
 */
export interface ContentTypes {
  /** The type that was noted of a root. */
  of(root: Uint8Array): string | undefined
  note(root: Uint8Array, contentType: string): void
}

/** Of one generation: a key and a short text each. */
const ROOTS_MAX = 4_096
const oneCharacterAByte = new TextDecoder('latin1')

/** @param rootsMax - of one generation; twice as many are remembered. */
export function createContentTypes(rootsMax: number = ROOTS_MAX): ContentTypes {
  let young = new Map<string, string>()
  let old: ReadonlyMap<string, string> = new Map()

  function keep(key: string, contentType: string): void {
    if (young.size >= rootsMax) {
      old = young
      young = new Map()
    }
    young.set(key, contentType)
  }

  return {
    of(root) {
      const key = oneCharacterAByte.decode(root)
      const known = young.get(key)
      if (known !== undefined) return known
      const before = old.get(key)
      if (before !== undefined) keep(key, before)
      return before
    },
    note: (root, contentType) => keep(oneCharacterAByte.decode(root), contentType),
  }
}
