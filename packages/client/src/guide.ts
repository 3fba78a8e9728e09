/** What addresses are, and what they lead to. */
import type { CID } from 'multiformats/cid'
import type { Download, GetOptions } from './download.ts'
import type { CidLike, Target } from './target.ts'

/**
 * What names content: a CID or its text; a root, 32 bytes or 64 hex digits; or a text or a `URL` with a CID and names below it: `ipfs://CID/path`, `/ipfs/CID/path`,
 * `https://HOST/ipfs/CID/path`, `https://CID.ipfs.HOST/path`. Of a URL nothing else is used: the host is never asked, query and fragment are not looked at.
 */
export type FetchAddress = CidLike | Uint8Array | URL | string

export interface Located {
  readonly target: Target
  /** What the last name of a path says that it is. */
  readonly contentType?: string | undefined
}

/** @param get - of directories that are open already, in the place of the client's. */
export type Locate = (address: FetchAddress, signal: AbortSignal | undefined, get?: Guide['get']) => Promise<Located>

/** What of a client follows a path: how directories are fetched, and what earlier paths led to. */
export interface Guide {
  get(cid: CID, options: GetOptions): Promise<Pick<Download, 'kind' | 'entries' | 'close'>>
  /** By the CID's text and the names, joined with `/`; the one used last is last. They are 2 MiB of text at most. */
  readonly known: Map<string, CID>
}
