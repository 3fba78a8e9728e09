/** Blocks that no importer would write: built field by field, so that each rule can be broken by itself. */
import { encode, prepare } from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import { create } from 'multiformats/hashes/digest'
import { sha256 } from 'multiformats/hashes/sha2'
import type { Blocks } from './support.ts'

export const DIRECTORY = 1
export const FILE = 2
export const SHARD = 5
export const MURMUR = 0x22

export interface Message {
  readonly type: number
  readonly data?: Uint8Array
  readonly fileSize?: number
  readonly blockSizes?: readonly number[]
  readonly hashType?: number
  readonly fanout?: number
}

export function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))]
}

export function unixfs({ type, data, fileSize, blockSizes = [], hashType, fanout }: Message): Uint8Array {
  const field = (tag: number, value: number | undefined): number[] => (value === undefined ? [] : [tag, ...varint(value)])
  const own = data === undefined ? [] : [0x12, ...varint(data.length), ...data]
  return Uint8Array.from([
    ...field(0x08, type),
    ...own,
    ...field(0x18, fileSize),
    ...blockSizes.flatMap((size) => field(0x20, size)),
    ...field(0x28, hashType),
    ...field(0x30, fanout),
  ])
}

export interface Link {
  readonly cid: CID
  readonly name?: string
  readonly size?: number
}

export async function put(blocks: Blocks, codec: number, bytes: Uint8Array): Promise<CID> {
  return await blocks.put(CID.createV1(codec, await sha256.digest(bytes)), bytes)
}

export async function putNode(blocks: Blocks, message: Message | Uint8Array | undefined, links: readonly Link[] = []): Promise<CID> {
  const Data = message === undefined || message instanceof Uint8Array ? message : unixfs(message)
  const Links = links.map(({ cid, name = '', size = 0 }) => ({ Hash: cid, Name: name, Tsize: size }))
  return await put(blocks, 0x70, encode(prepare(Data === undefined ? { Links } : { Data, Links })))
}

export async function putRaw(blocks: Blocks, bytes: Uint8Array): Promise<CID> {
  return await put(blocks, 0x55, bytes)
}

export function identityCid(bytes: Uint8Array, codec = 0x55): CID {
  return CID.createV1(codec, create(0x00, bytes))
}
