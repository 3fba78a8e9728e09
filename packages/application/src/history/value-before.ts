/** A value as it was before a change, or that there was none: 0, or 1 and the value. What logs of old rows hold. */
import { concatBytes } from '@selvedge/ledger-types'

const WAS_ABSENT: Uint8Array = Uint8Array.of(0)
const WAS_PRESENT: Uint8Array = Uint8Array.of(1)

export interface Before {
  readonly value: Uint8Array | undefined
}

export function encodeBefore(value: Uint8Array | undefined): Uint8Array {
  return value === undefined ? WAS_ABSENT : concatBytes(WAS_PRESENT, value)
}

/** A view of the bytes. */
export function decodeBefore(bytes: Uint8Array): Before {
  return { value: bytes[0] === WAS_PRESENT[0] ? bytes.subarray(1) : undefined }
}
