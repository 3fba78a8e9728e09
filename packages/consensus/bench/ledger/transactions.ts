/**
 * The bench's transactions and the lines between a generator and the validator that it submits to.
 *
 * A transaction is 512 random bytes: 16 of id, then its number at this generator (u64), from which the generator knows when it was due.
 * Submission is `length u32 ‖ transactions`; answers are records of 24 bytes. Everything is little endian.
 */
export const TRANSACTION_BYTES = 512
export const ID_BYTES = 16
export const RECORD_BYTES = 24

/** One in this many transactions is timed: 1.6 %. */
export const SAMPLE_EVERY = 64

export const RECORD = { committed: 0, sample: 1, refused: 2 } as const

export const numberOf = (transaction: Uint8Array): number => {
  return new DataView(transaction.buffer, transaction.byteOffset).getUint32(ID_BYTES, true)
}

/** What a validator says of its generator's transactions. `value` is a count, or the number of the timed one. */
export interface CommitRecord {
  readonly kind: number
  readonly value: number
  /** CLOCK_MONOTONIC, the same in all processes of a machine. */
  readonly atNs: bigint
}

export function encodeRecords(records: readonly CommitRecord[]): Uint8Array {
  const out = new Uint8Array(records.length * RECORD_BYTES)
  const view = new DataView(out.buffer)
  for (const [i, { kind, value, atNs }] of records.entries()) {
    view.setUint32(i * RECORD_BYTES, kind, true)
    view.setUint32(i * RECORD_BYTES + 4, value, true)
    view.setBigUint64(i * RECORD_BYTES + 8, atNs, true)
  }
  return out
}

/** Cuts a stream into records of one size, or into frames behind a u32 length. What is handed on are views. */
export function createCutter(sizeBytes: number | 'framed', onPart: (bytes: Uint8Array) => void): (chunk: Uint8Array) => void {
  let held: Uint8Array[] = []
  let heldBytes = 0
  let wanted = sizeBytes === 'framed' ? 4 : sizeBytes
  let isLength = sizeBytes === 'framed'
  return (chunk) => {
    held.push(chunk)
    heldBytes += chunk.length
    if (heldBytes < wanted) return
    const bytes = held.length === 1 ? chunk : Buffer.concat(held)
    let offset = 0
    while (bytes.length - offset >= wanted) {
      const part = bytes.subarray(offset, offset + wanted)
      offset += wanted
      if (isLength) wanted = new DataView(part.buffer, part.byteOffset).getUint32(0, true)
      else {
        onPart(part)
        if (sizeBytes === 'framed') wanted = 4
      }
      if (sizeBytes === 'framed') isLength = !isLength
    }
    held = offset === bytes.length ? [] : [bytes.subarray(offset)]
    heldBytes = bytes.length - offset
  }
}

export function decodeRecord(bytes: Uint8Array): CommitRecord {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return { kind: view.getUint32(0, true), value: view.getUint32(4, true), atNs: view.getBigUint64(8, true) }
}
