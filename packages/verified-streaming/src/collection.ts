/**
 * A directory as iroh's users know it: a hash sequence whose first member is a blob of names ("CollectionV0"), the others
 * being the entries in order. Metadata is postcard: 13 bytes that name the format, then a list of strings.
 */
import { HASH_BYTES } from './constants.ts'
import { VerifyError } from './errors.ts'
import { hash } from './hash.ts'
import { decodeHashSequence, encodeHashSequence } from './hash-sequence.ts'
import { checkRoot } from './tree.ts'
import { readCount, writeVarint } from './varint.ts'

export interface CollectionEntry {
  /** A path with `/` between its parts, as a rule; nothing here interprets it. Check it before it becomes the name of a file. */
  readonly name: string
  readonly root: Uint8Array
}

export interface Collection {
  /** Root of `sequence`: the name of the whole collection. */
  readonly root: Uint8Array<ArrayBuffer>
  /** The hash sequence: metadata's root, then the entries'. */
  readonly sequence: Uint8Array<ArrayBuffer>
  readonly metadata: Uint8Array<ArrayBuffer>
}

const HEADER = new TextEncoder().encode('CollectionV0.')

/** @returns buffers of the caller's own. */
export function encodeCollection(entries: readonly CollectionEntry[]): Collection {
  const names = entries.map(({ name }) => new TextEncoder().encode(name))
  const prefix: number[] = [...HEADER]
  writeVarint(prefix, BigInt(names.length))
  const pieces: Uint8Array[] = [Uint8Array.from(prefix)]
  for (const name of names) {
    const length: number[] = []
    writeVarint(length, BigInt(name.length))
    pieces.push(Uint8Array.from(length), name)
  }
  const metadata = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    metadata.set(piece, at)
    at += piece.length
  }
  const sequence = encodeHashSequence([hash(metadata), ...entries.map(({ root }) => checkRoot(root))])
  return { root: hash(sequence), sequence, metadata }
}

/**
 * Entries of a collection whose `sequence` has been verified; `metadata` is checked against it here.
 *
 * @throws {VerifyError} `VERIFY_MISMATCH` when `metadata` is not the blob that the sequence names first,
 * `VERIFY_MALFORMED` when it is no "CollectionV0" or names another number of entries.
 */
export function decodeCollection(sequence: Uint8Array, metadata: Uint8Array): CollectionEntry[] {
  const [first, ...roots] = decodeHashSequence(sequence)
  if (first === undefined) throw new VerifyError('VERIFY_MALFORMED', 'an empty sequence is no collection')
  const actual = hash(metadata)
  if (!first.every((byte, i) => byte === actual[i]))
    throw new VerifyError('VERIFY_MISMATCH', 'metadata is not the blob that the sequence names', { what: 'metadata' })
  const names = decodeNames(metadata)
  if (names.length !== roots.length) throw new VerifyError('VERIFY_MALFORMED', `${names.length} names for ${roots.length} entries`)
  return names.map((name, i) => ({ name, root: roots[i]!.slice(0, HASH_BYTES) }))
}

function decodeNames(metadata: Uint8Array): string[] {
  if (!HEADER.every((byte, i) => byte === metadata[i])) throw new VerifyError('VERIFY_MALFORMED', 'metadata is not "CollectionV0."')
  const count = readCount(metadata, HEADER.length)
  let at = count.next
  if (count.value > metadata.length - at) throw new VerifyError('VERIFY_MALFORMED', `${count.value} names in ${metadata.length - at} bytes`)
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const names: string[] = []
  for (let i = 0; i < count.value; i++) {
    const length = readCount(metadata, at)
    at = length.next + length.value
    if (at > metadata.length) throw new VerifyError('VERIFY_MALFORMED', `name ${i} ends behind the metadata`)
    try {
      names.push(decoder.decode(metadata.subarray(length.next, at)))
    } catch (cause) {
      throw new VerifyError('VERIFY_MALFORMED', `name ${i} is not UTF-8`, { index: i }, { cause })
    }
  }
  if (at !== metadata.length) throw new VerifyError('VERIFY_MALFORMED', `${metadata.length - at} bytes after the names`)
  return names
}
