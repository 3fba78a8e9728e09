/** The three modes of BLAKE3 as the kernel takes them: a key (absent: the IV) and the flag that every compression carries. */
import { refuse } from '../errors.ts'
import { checkBytes } from '../tree.ts'
import { CV_BYTES, DERIVE_KEY_CONTEXT, DERIVE_KEY_MATERIAL, KEYED_HASH } from './constants.ts'
import { type Mode, PLAIN } from './engine.ts'
import { finish } from './finish.ts'

export interface ModeOptions {
  /** Keyed mode: 32 secret bytes. Excludes `context`. */
  readonly key?: Uint8Array | undefined
  /** Derive-key mode: a hard-coded, globally unique string that says what the key is for. Excludes `key`. */
  readonly context?: string | undefined
}

const CONTEXT: Mode = { flags: DERIVE_KEY_CONTEXT, key: undefined }

/** @throws {VerifyError} `VERIFY_BAD_ARGUMENT` when the key is not 32 bytes, or both are given. */
export function modeOf({ key, context }: ModeOptions): Mode {
  if (key !== undefined && context !== undefined) refuse('a key or a context', 'both')
  if (key !== undefined) {
    if (checkBytes(key).length !== CV_BYTES) refuse('a key of 32 bytes', key.length)
    return { flags: KEYED_HASH, key: new Uint8Array(key) }
  }
  if (context === undefined) return PLAIN
  const text = new TextEncoder().encode(context)
  return { flags: DERIVE_KEY_MATERIAL, key: finish(text, CONTEXT, undefined, CV_BYTES) }
}
