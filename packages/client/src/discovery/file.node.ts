/** A discovery document in a file, its signature in another beside it. */
import { open } from 'node:fs/promises'
import { ClientError } from '../errors.ts'
import { DISCOVERY_BYTES_MAX } from './document.ts'
import { type DiscoverySource, SIGNATURE_BYTES, SIGNATURE_SUFFIX } from './source.ts'

/** For `discover`: `path`, and `path` with `.sig` behind it. @throws {ClientError} of the source: `CLIENT_UNREACHABLE`, `CLIENT_BAD_DISCOVERY` */
export function discoveryInFile(path: string): DiscoverySource {
  return async () => {
    return { bytes: await readBounded(path, DISCOVERY_BYTES_MAX), signature: await readBounded(path + SIGNATURE_SUFFIX, SIGNATURE_BYTES) }
  }
}

async function readBounded(path: string, bytesMax: number): Promise<Uint8Array> {
  try {
    await using file = await open(path, 'r')
    const { size } = await file.stat()
    if (size > bytesMax) throw new ClientError('CLIENT_BAD_DISCOVERY', `${path} is longer than ${bytesMax} bytes`, { bytesMax })
    const out = new Uint8Array(size)
    const { bytesRead } = await file.read(out, 0, size, 0)
    return out.subarray(0, bytesRead)
  } catch (cause) {
    if (cause instanceof ClientError) throw cause
    throw new ClientError('CLIENT_UNREACHABLE', `${path}: ${(cause as Error).message}`, {}, { cause })
  }
}
