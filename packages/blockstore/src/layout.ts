/** Where things are under the store's folder. */
import { hash } from '@selvedge/verified-streaming'
import { toHex } from './bytes.ts'

const GROUP_BYTES = 16_384
const PAIR_BYTES = 64

export interface Layout {
  readonly root: string
  readonly format: string
  readonly lock: string
  readonly index: string
  readonly packs: string
  readonly parts: string
  readonly blobs: string
  readonly skeletons: string
  data(root: Uint8Array): string
  outboard(root: Uint8Array): string
  /** @param cid - CIDv1 bytes; the name is its hash, because a CID may be longer than a file name. */
  skeleton(cid: Uint8Array): string
}

export function layoutOf(path: string): Layout {
  const [blobs, skeletons] = [`${path}/blobs`, `${path}/skeletons`]
  return {
    root: path,
    format: `${path}/FORMAT`,
    lock: `${path}/lock`,
    index: `${path}/index`,
    packs: `${path}/packs`,
    parts: `${path}/parts`,
    blobs,
    skeletons,
    data: (root) => `${blobs}/${toHex(root)}.data`,
    outboard: (root) => `${blobs}/${toHex(root)}.obao4`,
    skeleton: (cid) => `${skeletons}/${toHex(hash(cid))}.skel`,
  }
}

/** Bytes of a pre-order outboard of 16 KiB groups. */
export function outboardBytesOf(size: number): number {
  return PAIR_BYTES * (Math.max(1, Math.ceil(size / GROUP_BYTES)) - 1)
}
