import { CarError } from './errors.ts'
import { type ByteRange, RangeSet } from './ranges.ts'
import type { VerifiedBlock } from './verified-block.ts'

/** What `flatBytes` reads of a block; `parts` saves it a copy where it is there. */
export type FileBlock = Pick<VerifiedBlock, 'kind' | 'fileOffset' | 'block' | 'dataStart' | 'dataEnd'> &
  Partial<Pick<VerifiedBlock, 'parts'>>

export interface FlatPart {
  /** From the start of the file. */
  readonly offset: number
  readonly bytes: Uint8Array
}

/**
 * The bytes of a UnixFS file out of its verified blocks, clipped to `range` or `ranges` where given.
 * `bytes` are views, valid until the next iteration; several may come from one block.
 *
 * @throws {CarError} `CAR_NOT_A_FILE` where the blocks are not those of one file.
 */
export async function* flatBytes(
  blocks: AsyncIterable<FileBlock>,
  range?: ByteRange | readonly ByteRange[],
): AsyncGenerator<FlatPart, void, undefined> {
  const wanted = RangeSet.of(range === undefined ? undefined : 'start' in range ? [range] : range)
  let isFile = false
  let end = 0
  for await (const block of blocks) {
    if (block.kind !== 'file') {
      if (isFile || block.kind === 'symlink' || block.kind === 'other') throw notAFile(block.kind)
      continue // directories on the path to the file
    }
    if (block.fileOffset < end) throw notAFile('walk over several files')
    isFile = true
    const parts = block.parts ?? [block.block.subarray(block.dataStart, block.dataEnd)]
    end = block.fileOffset
    for (const part of parts) {
      if (range === undefined) yield { offset: end, bytes: part }
      else
        for (const { start, end: stop } of wanted.within(end, part.length)) {
          yield { offset: start, bytes: part.subarray(start - end, stop - end) }
        }
      end += part.length
    }
  }
  if (!isFile) throw notAFile('directory')
}

function notAFile(kind: string): CarError {
  return new CarError('CAR_NOT_A_FILE', `flat bytes were asked of a ${kind}`, { kind })
}
