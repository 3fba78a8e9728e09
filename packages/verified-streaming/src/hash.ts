/** One-shot hashing. */
import { CHUNK_BYTES, CV_BYTES } from './kernel/constants.ts'
import { addSubtrees, Edge } from './kernel/edge.ts'
import { finish } from './kernel/finish.ts'
import { type ModeOptions, modeOf } from './kernel/mode.ts'
import { compiled } from './kernel/select.ts'
import { SUBTREE_BYTES_MAX } from './kernel/subtree.ts'
import { checkBytes, checkNumber } from './tree.ts'

export interface HashOptions extends ModeOptions {
  /** Length of the result. @default 32 */
  readonly outputBytes?: number | undefined
}

const NO_OPTIONS: HashOptions = {}

/**
 * The BLAKE3 hash of `bytes`: 32 bytes unless `outputBytes` says otherwise. Synchronous; the result is the caller's.
 *
 * @throws {VerifyError} `VERIFY_BAD_ARGUMENT` for a key that is not 32 bytes, a key with a context, a wrong length, or what is no array of bytes.
 * @example const root = hash(new TextEncoder().encode('hello'))
 */
export function hash(bytes: Uint8Array, options: HashOptions = NO_OPTIONS): Uint8Array<ArrayBuffer> {
  checkBytes(bytes)
  if (options === NO_OPTIONS && bytes.length <= CHUNK_BYTES && compiled) return compiled.rootOfChunk(bytes)
  const mode = modeOf(options)
  const outputBytes = checkOutputBytes(options.outputBytes)
  if (bytes.length <= SUBTREE_BYTES_MAX) return finish(bytes, mode, undefined, outputBytes)
  const edge = new Edge(mode)
  const tailAt = bytes.length - (((bytes.length - 1) % SUBTREE_BYTES_MAX) + 1)
  addSubtrees(edge, mode, bytes, 0, tailAt)
  return finish(bytes.subarray(tailAt), mode, edge, outputBytes)
}

/** @throws {VerifyError} `VERIFY_BAD_ARGUMENT` unless it is a positive integer. */
export function checkOutputBytes(outputBytes: number = CV_BYTES): number {
  return checkNumber('outputBytes', outputBytes, Number.MAX_SAFE_INTEGER, 1)
}
