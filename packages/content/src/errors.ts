import { LANE_BAD_FRAME, LANE_CONTENT_REFUSED, LANE_INTERNAL, LANE_NOT_FOUND, LANE_ORIGIN_FAILED, LANE_RESUME_LOST } from './constants.ts'

/** Stable: renaming a code is a breaking change. */
export type ContentErrorCode =
  | 'CONTENT_MALFORMED' // a request or an answer that is not the one canonical encoding
  | 'CONTENT_NOT_FOUND' // what was there when the answer was given is gone
  | 'CONTENT_ORIGIN_FAILED' // no origin could be reached, or what it sent was cut short or no CAR at all
  | 'CONTENT_REFUSED' // what an origin sent does not match its name; `reason` begins with the finer code
  | 'CONTENT_INTERNAL' // the store could not read what it holds
  | 'CONTENT_TOO_FAR' // bytes are not made again: more than `readBytesMax` would be read for nothing to find them

const LANE_CODES: Readonly<Record<ContentErrorCode, number>> = {
  CONTENT_MALFORMED: LANE_BAD_FRAME,
  CONTENT_NOT_FOUND: LANE_NOT_FOUND,
  CONTENT_ORIGIN_FAILED: LANE_ORIGIN_FAILED,
  CONTENT_REFUSED: LANE_CONTENT_REFUSED,
  CONTENT_INTERNAL: LANE_INTERNAL,
  CONTENT_TOO_FAR: LANE_RESUME_LOST,
}

/** The one error class of this package. Switch on `code`; `message` is for people and may change. */
export class ContentError extends Error {
  override readonly name = 'ContentError'
  readonly code: ContentErrorCode
  readonly details: Readonly<Record<string, number | string>>
  /** What the lane is to be reset with. */
  readonly laneCode: number
  /** The reason of that RESET: its first word is the finer code. At most 256 bytes of UTF-8. */
  readonly reason: string
  constructor(code: ContentErrorCode, message: string, details: Readonly<Record<string, number | string>> = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.details = details
    this.laneCode = LANE_CODES[code]
    this.reason = reasonOf(`${details.finer ?? code} ${message}`)
  }
}

/** Cut to what RESET can carry, at a whole character. */
function reasonOf(text: string): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(256))
  return text.slice(0, read)
}
