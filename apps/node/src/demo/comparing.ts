/** Whether a file holds what it should, read piece by piece: fresh memory is not free. */
import { Buffer } from 'node:buffer'
import { open, type FileHandle } from 'node:fs/promises'

const PIECE_BYTES: number = 2 ** 20

/** @param truth - all that the file should hold. */
export async function holdsExactly(path: string, truth: Uint8Array): Promise<boolean> {
  const file = await open(path)
  try {
    if ((await file.stat()).size !== truth.length) return false
    const memory = Buffer.allocUnsafe(Math.min(PIECE_BYTES, truth.length))
    for (let at = 0; at < truth.length; at += PIECE_BYTES) {
      const piece = memory.subarray(0, Math.min(PIECE_BYTES, truth.length - at))
      if (!(await readWhole(file, piece, at)) || !piece.equals(truth.subarray(at, at + piece.length))) return false
    }
    return true
  } finally {
    await file.close()
  }
}

/** All of a file, as it is now. @param size - what it is said to have; undefined where it has another. */
export async function readFileOf(path: string, size: number): Promise<Uint8Array | undefined> {
  const file = await open(path)
  try {
    const bytes = Buffer.allocUnsafe(size)
    return (await file.stat()).size === size && (await readWhole(file, bytes, 0)) ? bytes : undefined
  } finally {
    await file.close()
  }
}

/** False where the file ends before. */
async function readWhole(file: FileHandle, into: Uint8Array, position: number): Promise<boolean> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, Math.min(into.length - done, 2 ** 30), position + done)
    if (bytesRead === 0) return false
    done += bytesRead
  }
  return true
}
