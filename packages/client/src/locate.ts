/**
 * What an address leads to. What names content by itself is known at once; how paths are followed is loaded when one is asked for first, so that who asks
 * by CID or by root does not load it.
 */
import type { Guide, Locate } from './guide.ts'
import { targetOf } from './target.ts'

export function createLocate(get: Guide['get']): Locate {
  const guide: Guide = { get, known: new Map() }
  return async (address, signal, opened = get) => {
    const named = address instanceof URL ? address.href : address
    const bare = typeof named === 'string' ? named.trim().replace(/^ipfs:\/\/([^/?#]+)\/?$/i, '$1') : named
    if (typeof bare !== 'string' || !bare.includes('/')) return { target: targetOf(bare) }
    const { locatePath } = await import('./path.ts')
    return await locatePath(bare, { ...guide, get: opened }, signal)
  }
}
