/** Whether bytes are those of a file, read piece by piece: the job compares hundreds of megabytes, and fresh memory is not free. */
import { Buffer } from 'node:buffer'
import { open, type FileHandle } from 'node:fs/promises'

const PIECE_BYTES: number = 2 ** 20

/** @param offset - where in the file `bytes` should stand. */
export async function equalsFile(bytes: Uint8Array, path: string, offset = 0): Promise<boolean> {
  const file = await open(path)
  try {
    return await equalPieces(file, offset, bytes.length, async (at, piece) => {
      const other = bytes.subarray(at, at + piece.length)
      return Buffer.compare(piece, other) === 0
    })
  } finally {
    await file.close()
  }
}

export async function equalFiles(path: string, otherPath: string): Promise<boolean> {
  const file = await open(path)
  try {
    const other = await open(otherPath)
    try {
      const { size } = await file.stat()
      if ((await other.stat()).size !== size) return false
      const second = Buffer.allocUnsafe(PIECE_BYTES)
      return await equalPieces(file, 0, size, async (at, piece) => {
        const otherPiece = second.subarray(0, piece.length)
        return (await readWhole(other, otherPiece, at)) && Buffer.compare(piece, otherPiece) === 0
      })
    } finally {
      await other.close()
    }
  } finally {
    await file.close()
  }
}

async function equalPieces(
  file: FileHandle,
  offset: number,
  length: number,
  isEqual: (at: number, piece: Uint8Array) => Promise<boolean>,
): Promise<boolean> {
  const memory = Buffer.allocUnsafe(Math.min(PIECE_BYTES, length))
  for (let at = 0; at < length; at += PIECE_BYTES) {
    const piece = memory.subarray(0, Math.min(PIECE_BYTES, length - at))
    if (!(await readWhole(file, piece, offset + at)) || !(await isEqual(at, piece))) return false
  }
  return true
}

/** False where the file ends before. */
async function readWhole(file: FileHandle, into: Uint8Array, position: number): Promise<boolean> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, position + done)
    if (bytesRead === 0) return false
    done += bytesRead
  }
  return true
}
