/** Content types of roots that were served lately. What a root names never changes, so its first bytes are looked at once, and not before each answer. */
import QuickLRU from 'quick-lru'

export interface ContentTypes {
  /** The type that was noted of a root. */
  of(root: Uint8Array): string | undefined
  note(root: Uint8Array, contentType: string): void
}

/** A key and a short text each. */
const ROOTS_MAX = 4_096
const oneCharacterAByte = new TextDecoder('latin1')

/** @param rootsMax - that are remembered for certain; up to twice as many are, and those that are asked for stay. */
export function createContentTypes(rootsMax: number = ROOTS_MAX): ContentTypes {
  const types = new QuickLRU<string, string>({ maxSize: rootsMax })
  return {
    of: (root) => types.get(oneCharacterAByte.decode(root)),
    note: (root, contentType) => void types.set(oneCharacterAByte.decode(root), contentType),
  }
}
