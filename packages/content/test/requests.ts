/** What a client sends to open a lane. */
import { ChunkRanges } from '@selvedge/verified-streaming'
import type { CID } from 'multiformats/cid'
import { type ContentRequest, encodeRequest } from '../src/index.ts'

/** All of one root, or of what one CID names, in whichever mode the node has it. */
export function requestOf(address: CID | Uint8Array, changes: Partial<ContentRequest> = {}): Uint8Array {
  const isRoot = address instanceof Uint8Array
  return encodeRequest({
    kind: isRoot ? 'root' : 'cid',
    address: isRoot ? address : address.bytes,
    modes: isRoot ? ['blake3'] : ['proof', 'car'],
    head: false,
    mappingProof: false,
    outboardOnly: false,
    scope: 'entity',
    traceparent: new Uint8Array(0),
    ranges: ChunkRanges.all,
    ...changes,
  })
}
