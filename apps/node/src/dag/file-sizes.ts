/**
 * File nodes whose sizes `ipfs-unixfs` misspells: it writes a number from 2^31 up to 2^32 as zeros (its varints of 64 bits take the low half for signed), so
 * that a file of two to four GiB would declare no bytes, and so would a part of that size in a larger one. Such a node is written anew; others stay as they are.
 */
import { decode, encode, prepare } from '@ipld/dag-pb'
import type { UnixFS } from 'ipfs-unixfs'

const MISSPELT_MIN: bigint = 2n ** 31n
const MISSPELT_END: bigint = 2n ** 32n
const TYPE_FILE = [0x08, 0x02]
const FILE_SIZE = 0x18
const BLOCK_SIZE = 0x20

const isMisspelt = (size: bigint): boolean => size >= MISSPELT_MIN && size < MISSPELT_END

/** @param block - of a file node that links, as `ipfs-unixfs` wrote it. @returns the node as it must be; undefined where it is so already. */
export function respelt(block: Uint8Array, file: Pick<UnixFS, 'fileSize' | 'blockSizes'>): Uint8Array | undefined {
  if (![file.fileSize(), ...file.blockSizes].some(isMisspelt)) return undefined
  return encode(prepare({ Data: encodeFileNode(file), Links: decode(block).Links }))
}

/** The UnixFS message of a file node without bytes of its own. */
export function encodeFileNode(file: Pick<UnixFS, 'fileSize' | 'blockSizes'>): Uint8Array {
  const sizes = file.blockSizes.flatMap((size) => [BLOCK_SIZE, ...varintOf(size)])
  return Uint8Array.from([...TYPE_FILE, FILE_SIZE, ...varintOf(file.fileSize()), ...sizes])
}

function varintOf(value: bigint): number[] {
  const bytes: number[] = []
  let left = value
  for (; left >= 0x80n; left >>= 7n) bytes.push(Number(left & 0x7fn) | 0x80)
  return [...bytes, Number(left)]
}
