/** A file as its reader sees it, whichever way its bytes are kept. */
import type { Download, GetOptions, VerifiedPart } from './download.ts'
import { ClientError } from './errors.ts'
import { readOnce } from './read-once.ts'
import { formatTarget, type Target } from './target.ts'

/** It resumes by itself: it has no state to save, and takes none. */
export type KeptDownload = Omit<Download, 'state'>
export type KeptGetOptions = Omit<GetOptions, 'from'>

interface KeptFile {
  readonly target: Target
  /** Proven. */
  readonly size: number
  readonly mode: Download['mode']
  /** What of it came from a node so far, and from which. */
  readonly source: Pick<Download, 'node' | 'receivedBytes'>
  readonly life: AbortController
  /** What is open is closed; called before `life` ends. */
  close(): void
  parts(): AsyncGenerator<VerifiedPart>
}

export function keptDownloadOf({ target, size, mode, source, life, close, parts }: KeptFile): KeptDownload {
  const address = formatTarget(target)
  return {
    address,
    kind: 'file',
    size,
    sizeClaim: size,
    mode,
    verification: target.kind === 'cid' ? 'cid' : 'blake3',
    get node() {
      return source.node
    },
    get receivedBytes() {
      return source.receivedBytes
    },
    entries() {
      throw new ClientError('CLIENT_NOT_A_DIRECTORY', `${address} is a file, not a directory`)
    },
    close() {
      close()
      life.abort(new ClientError('CLIENT_CLOSED', 'the download is closed'))
    },
    [Symbol.asyncIterator]: readOnce('a download', parts),
  }
}
