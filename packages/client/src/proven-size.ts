import type { ByteRange } from '@selvedge/content'
import type { Download } from './download.ts'
import { ClientError } from './errors.ts'

/** No content has a byte there: asking for it proves the size and brings none. */
const BEHIND_ALL = 2 ** 50

interface Opener<Address> {
  get(
    address: Address,
    options: { readonly range: ByteRange; readonly signal: AbortSignal },
  ): Promise<Pick<Download, 'kind' | 'address' | 'size' | 'node' | 'close' | typeof Symbol.asyncIterator>>
}

/** Of a file, by a request of its own. @throws {ClientError} as `get`, and `CLIENT_NOT_A_FILE` */
export async function provenSizeOf<Address>(client: Opener<Address>, named: Address, signal: AbortSignal): Promise<number> {
  const download = await client.get(named, { range: { start: BEHIND_ALL }, signal })
  const { kind, address } = download
  try {
    if (kind !== 'file') throw new ClientError('CLIENT_NOT_A_FILE', `${address} is a ${kind}, not a file`)
    const { done } = await download[Symbol.asyncIterator]().next()
    const { size } = download
    if (done !== true || size === undefined)
      throw new ClientError('CLIENT_BAD_ANSWER', `${download.node} did not prove the size of ${address}`)
    return size
  } finally {
    download.close()
  }
}
