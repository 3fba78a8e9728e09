/** Content by its root from other nodes, as any client gets it. */
import { createClient, formatNodeAddress } from '@selvedge/client'
import type { ContentHolder } from './epoch-archive.ts'

/** @param chainId - that sessions are of. @returns bytes that are proven by the root; the receiver's own. */
export function createRootFetcher(
  chainId: number,
): (root: Uint8Array, holders: readonly ContentHolder[], signal: AbortSignal) => AsyncGenerator<Uint8Array, void, undefined> {
  return async function* fetchRoot(root, holders, signal) {
    const client = createClient({ nodes: holders.map((holder) => formatNodeAddress(holder)), chainId })
    try {
      for await (const { bytes } of await client.get(Buffer.from(root).toString('hex'), { signal })) yield bytes.slice()
    } finally {
      await client.close()
    }
  }
}
