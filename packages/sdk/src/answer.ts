/**
 * What a service says to one request: a handle, or why there is none.
 *
 *     status u16 (0: a handle follows) · [handle]
 *
 * Little endian; one encoding. Layout: docs/protocol/services.md.
 */
import { malformed } from './errors.ts'
import { decodeHandle, encodeHandle, type Handle } from './handle.ts'

export type ServiceAnswer =
  | { readonly handle: Handle }
  /** As HTTP's: 304 where the client holds it already, or an error from 400 to 599. */
  | { readonly status: number }

/** The only encoding of `answer`. @throws {SdkError} `SDK_MALFORMED` */
export function encodeServiceAnswer(answer: ServiceAnswer): Uint8Array {
  if (typeof answer !== 'object' || answer === null) throw malformed(`an answer is a handle or a status, not ${String(answer)}`)
  if (!('handle' in answer)) {
    checkStatus(answer.status)
    return Uint8Array.of(answer.status & 0xff, answer.status >> 8)
  }
  const handle = encodeHandle(answer.handle)
  const out = new Uint8Array(2 + handle.length)
  out.set(handle, 2)
  return out
}

/** Accepts nothing but what `encodeServiceAnswer` writes; the result owns its bytes. @throws {SdkError} `SDK_MALFORMED` */
export function decodeServiceAnswer(bytes: Uint8Array): ServiceAnswer {
  if (bytes.length < 2) throw malformed(`an answer ends after ${bytes.length} bytes`)
  const status = bytes[0]! | (bytes[1]! << 8)
  if (status === 0) return { handle: decodeHandle(bytes.subarray(2)) }
  checkStatus(status)
  if (bytes.length > 2) throw malformed(`an answer of status ${status} has nothing behind it`)
  return { status }
}

function checkStatus(status: number): void {
  if (status === 304 || (Number.isInteger(status) && status >= 400 && status <= 599)) return
  throw malformed(`status ${status} is neither 304 nor an error`)
}
