/** One-shot hashing. */
import { checkOutputBytes, createHasher } from './hasher.ts'
import { CHUNK_BYTES, CV_BYTES } from './kernel/constants.ts'
import { finish } from './kernel/finish.ts'
import { type ModeOptions, modeOf } from './kernel/mode.ts'
import { compiled } from './kernel/select.ts'
import { SUBTREE_BYTES_MAX } from './kernel/subtree.ts'
import { checkBytes } from './tree.ts'

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
export function hash(bytes: Uint8Array, options: HashOptions = NO_OPTIONS): Uint8Array {
  checkBytes(bytes)
  if (options === NO_OPTIONS && bytes.length <= CHUNK_BYTES && compiled) return compiled.rootOfChunk(bytes)
  const outputBytes = checkOutputBytes(options.outputBytes ?? CV_BYTES)
  if (bytes.length > SUBTREE_BYTES_MAX) return createHasher(options).update(bytes).digest(outputBytes)
  return finish(bytes, modeOf(options), undefined, outputBytes)
}
