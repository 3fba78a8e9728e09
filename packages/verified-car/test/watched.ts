import type { CID } from 'multiformats/cid'
import type { BlockPort } from '../src/index.ts'

/** A port that remembers what it was asked for. */
export function watched(blocks: BlockPort): BlockPort & { readonly asked: CID[] } {
  const asked: CID[] = []
  return {
    asked,
    get: async (cid) => {
      asked.push(cid)
      return await blocks.get(cid)
    },
  }
}
