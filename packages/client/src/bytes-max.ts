/** How much of content is taken at most. */
import type { ByteRange } from '@selvedge/content'
import { ClientError } from './errors.ts'

/** @param bytes - of what was asked for. @throws {ClientError} `CLIENT_TOO_LARGE` where they are more than `bytesMax` */
export function checkBytes(address: string, bytes: number, bytesMax: number | undefined): void {
  if (bytesMax === undefined || bytes <= bytesMax) return // what is no number lets nothing pass
  const what = `${bytes} bytes of ${address}, or more, are to come: at most ${bytesMax} are taken`
  throw new ClientError('CLIENT_TOO_LARGE', what, { bytes, bytesMax })
}

interface Sized {
  readonly address: string
  /** Proven; undefined where it is not yet. */
  readonly size?: number | undefined
  close(): void
}

interface Bounds {
  readonly range?: ByteRange | undefined
  readonly bytesMax?: number | undefined
}

/** `download`, unless its size is proven and too large: then it is closed. @throws {ClientError} `CLIENT_TOO_LARGE` */
export function checkedSize<Opened extends Sized>(download: Opened, { range, bytesMax }: Bounds): Opened {
  const { address, size = 0 } = download
  const { start, end = size } = range ?? { start: 0 }
  try {
    checkBytes(address, Math.min(end, size) - start, bytesMax)
  } catch (error) {
    download.close()
    throw error
  }
  return download
}
