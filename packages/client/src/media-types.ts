/** The media types of files by their names, as gateways tell them. No hash proves one; a name that says nothing has none. */
import { lookup } from 'mrmime'

/** @param name - a file's name. */
export function mediaTypeOf(name: string): string | undefined {
  const type: unknown = name.includes('.') ? lookup(name) : undefined
  if (typeof type !== 'string') return undefined // of a name like `a.constructor` it is a function
  return type.startsWith('text/') ? `${type}; charset=utf-8` : type
}
