/**
 * Sharded directories (HAMT). A shard has `fanout` slots; a link's name begins with its slot in upper-case hex. The 64-bit
 * murmur3 hash of an entry's name, taken log2(fanout) bits at a time from the most significant one, is the path to its slot.
 *
 * All of it is checked, because a shard that lies about its slots can hide an entry from one reader and show it to another,
 * and an absurd fanout has brought daemons down (CVE-2023-23625).
 * Source: https://specs.ipfs.tech/unixfs/#hamt-structure-and-parameters, ipfs.md §1.3.
 */
import { murmur364 } from '@multiformats/murmur3'
import { MURMUR3_X64_64 } from './constants.ts'
import { CarError } from './errors.ts'
import type { UnixFs } from './unixfs.ts'

const FANOUT_MAX = 1_024
const HASH_BITS = 64

/** Where a shard stands: the slots that lead to it from the top one, which all its entries' hashes must begin with. */
export interface ShardPlace {
  readonly fanout: number
  readonly slots: readonly number[]
}

export interface ShardLink {
  readonly slot: number
  /** The entry's name; empty for a shard further down. */
  readonly name: string
}

export function prefixLengthOf(fanout: number): number {
  return (fanout - 1).toString(16).length
}

/** @throws {CarError} `CAR_BAD_UNIXFS`, `CAR_TOO_DEEP` */
export function checkShard(node: UnixFs, bitfield: Uint8Array, names: readonly string[], place: ShardPlace | undefined): ShardLink[] {
  const fanout = checkFanout(node, place)
  const slots = place?.slots ?? []
  if ((slots.length + 1) * Math.log2(fanout) > HASH_BITS) {
    throw new CarError('CAR_TOO_DEEP', `a shard ${slots.length} levels down has no bits of the ${HASH_BITS}-bit hash left`, {
      depth: slots.length,
    })
  }
  const links = names.map((name) => parseShardName(name, fanout))
  const filled = new Set<number>()
  for (const { slot, name } of links) {
    if (filled.has(slot)) throw bad(`uses slot ${slot} twice`)
    filled.add(slot)
    if (name !== '') checkEntryPlace(name, [...slots, slot], fanout)
  }
  checkBitfield(bitfield, filled, fanout)
  return links
}

function checkFanout({ fanout, hashType }: UnixFs, place: ShardPlace | undefined): number {
  if (fanout === undefined || fanout < 8 || fanout > FANOUT_MAX || (fanout & (fanout - 1)) !== 0) {
    throw bad(`has fanout ${fanout}, which is no power of two from 8 to ${FANOUT_MAX}`)
  }
  if (place !== undefined && place.fanout !== fanout) throw bad(`has fanout ${fanout} under one of ${place.fanout}`)
  if (hashType !== MURMUR3_X64_64) throw bad(`is ordered by hash function ${hashType}, only murmur3-x64-64 (${MURMUR3_X64_64}) is known`)
  return fanout
}

function parseShardName(name: string, fanout: number): ShardLink {
  const prefix = name.slice(0, prefixLengthOf(fanout))
  const slot = Number.parseInt(prefix, 16)
  if (prefix.length !== prefixLengthOf(fanout) || !/^[0-9A-F]+$/.test(prefix) || slot >= fanout) {
    throw bad(`has a link named ${JSON.stringify(name.slice(0, 40))} that does not begin with a slot in upper-case hex`)
  }
  return { slot, name: name.slice(prefix.length) }
}

function checkEntryPlace(name: string, slots: readonly number[], fanout: number): void {
  const hash = hashName(name)
  for (let level = 0; level < slots.length; level++) {
    if (slotAt(hash, level, fanout) !== slots[level]) {
      throw bad(`has the entry ${JSON.stringify(name.slice(0, 40))} in a slot that its hash does not lead to`)
    }
  }
}

/** The field is a big-endian number whose bit `i` says that slot `i` is filled; leading zero bytes may be missing. */
function checkBitfield(bitfield: Uint8Array, filled: ReadonlySet<number>, fanout: number): void {
  if (bitfield.length > fanout / 8) throw bad(`has a bitfield of ${bitfield.length} bytes for ${fanout} slots`)
  let count = 0
  for (let slot = 0; slot < bitfield.length * 8; slot++) {
    if (((bitfield[bitfield.length - 1 - (slot >> 3)]! >> (slot & 7)) & 1) === 0) continue
    if (!filled.has(slot)) throw bad(`says that slot ${slot} is filled, but has no link for it`)
    count++
  }
  if (count !== filled.size) throw bad(`has ${filled.size} links, but says that ${count} slots are filled`)
}

/** The slot of `name` in a shard `level` levels below the top one. */
export function slotOf(name: string, level: number, fanout: number): number {
  return slotAt(hashName(name), level, fanout)
}

function hashName(name: string): Uint8Array {
  const hash = murmur364.encode(new TextEncoder().encode(name))
  if (!(hash instanceof Uint8Array)) throw new Error('murmur3 must answer at once')
  return hash
}

function slotAt(hash: Uint8Array, level: number, fanout: number): number {
  const bits = Math.log2(fanout)
  let slot = 0
  for (let bit = level * bits; bit < (level + 1) * bits; bit++) slot = slot * 2 + ((hash[bit >> 3]! >> (7 - (bit & 7))) & 1)
  return slot
}

function bad(what: string): CarError {
  return new CarError('CAR_BAD_UNIXFS', `a directory shard ${what}`)
}
