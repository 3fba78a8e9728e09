/**
 * CIDs as keys, and the check that bytes are what a CID names.
 *
 * An entity is keyed by its whole CID, because one multihash read as raw and as dag-pb is two contents; version 0 is
 * written as version 1 with the dag-pb codec. A block is keyed by its multihash: its bytes are the same under any codec.
 */
import { CID } from 'multiformats/cid'
import { hash } from '@selvedge/verified-streaming'
import { concatBytes, equalBytes } from './bytes.ts'
import { CID_BYTES_MAX } from './constants.ts'
import { BlockstoreError } from './errors.ts'
import type { BlockHasher, CidLike } from './ports.ts'

export const RAW = 0x55
const DAG_PB = 0x70
const IDENTITY = 0x00
export const BLAKE3 = 0x1e
const IDENTITY_BYTES_MAX = 128

/** CIDv1 bytes, the key of an entity. */
export function entityKeyOf(cid: CidLike): Uint8Array {
  const bytes = cid.version === 0 ? CID.createV1(DAG_PB, CID.decode(cid.bytes).multihash).bytes : cid.bytes
  return checkedKey(bytes)
}

/** Multihash bytes, the key of a block. */
export function blockKeyOf(cid: CidLike): Uint8Array {
  return checkedKey(cid.multihash.bytes)
}

/** Of the block that an entity begins with; undefined: its bytes are in the CID. @param key - CIDv1 bytes. */
export function rootBlockKeyOf(key: Uint8Array): Uint8Array | undefined {
  const { multihash } = CID.decode(key)
  return multihash.code === IDENTITY ? undefined : multihash.bytes
}

/** The entity of a UnixFS directory that begins with this block. */
export function dagPbEntityKeyOf(multihash: Uint8Array): Uint8Array {
  return concatBytes([Uint8Array.of(1, DAG_PB), multihash])
}

/** The bytes of an identity CID are in the CID: they are never stored. */
export function inlineBytesOf(cid: CidLike): Uint8Array | undefined {
  if (cid.multihash.code !== IDENTITY) return undefined
  if (cid.multihash.digest.length > IDENTITY_BYTES_MAX) {
    throw new BlockstoreError(
      'BLOCKSTORE_TOO_LARGE',
      `an identity CID may hold ${IDENTITY_BYTES_MAX} bytes, got ${cid.multihash.digest.length}`,
    )
  }
  return cid.multihash.digest.slice()
}

/** A raw block named by its BLAKE3 hash is a blob of that root. */
export function rootOfBlake3Cid(cid: CidLike): Uint8Array | undefined {
  return cid.multihash.code === BLAKE3 && cid.code === RAW && cid.multihash.digest.length === 32 ? cid.multihash.digest : undefined
}

export type MatchesCid = (cid: CidLike, bytes: Uint8Array) => Promise<boolean>

/** @param hashers - by multihash code; BLAKE3 is always there. */
export function createCidCheck(hashers: ReadonlyMap<number, BlockHasher>): MatchesCid {
  return async (cid, bytes) => {
    const { code, digest } = cid.multihash
    if (code === IDENTITY) return equalBytes(digest, bytes)
    const hasher = hashers.get(code) ?? (code === BLAKE3 ? hash : undefined)
    if (hasher === undefined) {
      throw new BlockstoreError('BLOCKSTORE_UNSUPPORTED_HASH', `no hasher for multihash code 0x${code.toString(16)}`, { code })
    }
    return equalBytes(digest, await hasher(bytes))
  }
}

function checkedKey(bytes: Uint8Array): Uint8Array {
  if (bytes.length > CID_BYTES_MAX) {
    throw new BlockstoreError('BLOCKSTORE_TOO_LARGE', `a CID may have ${CID_BYTES_MAX} bytes here, got ${bytes.length}`)
  }
  return bytes
}
