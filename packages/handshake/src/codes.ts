/** The codes of RESET and GOAWAY (sessions.md §8), u16, stable. 32 and above belong to the services. */
export const CODES = {
  badFrame: 1,
  unsupportedVersion: 2,
  badSignature: 3,
  unknownSession: 4,
  expiredToken: 5,
  notAuthorised: 6,
  rateLimited: 7,
  tooManyLanes: 8,
  unknownService: 9,
  serviceFailed: 10,
  ackTimeout: 11,
  ackInvalid: 12,
  insufficientBalance: 13,
  spendCap: 14,
  flowViolation: 15,
  idleTimeout: 16,
  draining: 17,
  epochClosed: 18,
  priceRefused: 19,
  notFound: 20,
  originFailed: 21,
  contentRefused: 22,
  internal: 23,
  resumeLost: 24,
  cancelled: 25,
} as const

/** The name of a code as the specification writes it, for messages; a code that has none is given as a number. */
export function nameOfCode(code: number): string {
  const entry = Object.entries(CODES).find(([, value]) => value === code)
  return entry === undefined ? `code ${code}` : entry[0].replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
