/**
 * The first frame in each direction, 128 bytes: tag 24 · chainId u32 (little endian) · 4 zero bytes · genesis hash 32 · sender's key 32 ·
 * receiver's key 32. TLS has proven the sender's key by then; this says which chain is meant, so that two with one key do not mix.
 */
import { compareBytes } from '../wire/bytes.ts'

export const HELLO_BYTES = 128
const TAG = Buffer.from('selvedge/consensus/1\0\0\0\0')

export interface HelloParts {
  readonly chainId: number
  /** 32 bytes. */
  readonly genesisHash: Uint8Array
  /** Node keys, 32 bytes. */
  readonly sender: Uint8Array
  readonly receiver: Uint8Array
}

export function encodeHello({ chainId, genesisHash, sender, receiver }: HelloParts): Uint8Array {
  const hello = Buffer.alloc(HELLO_BYTES)
  hello.set(TAG)
  hello.writeUInt32LE(chainId, 24)
  hello.set(genesisHash, 32)
  hello.set(sender, 64)
  hello.set(receiver, 96)
  return hello
}

/** Whether these bytes are exactly the greeting that is due. */
export const isHello = (bytes: Uint8Array, due: HelloParts): boolean => compareBytes(bytes, encodeHello(due)) === 0
