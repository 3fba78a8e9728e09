/** The codes with which a session ends over what is paid (sessions.md §8). */
export const CODES = {
  badFrame: 1,
  notAuthorised: 6,
  rateLimited: 7,
  ackTimeout: 11,
  ackInvalid: 12,
  insufficientBalance: 13,
  spendCap: 14,
  idleTimeout: 16,
  epochClosed: 18,
  priceRefused: 19,
  contentRefused: 22,
  internal: 23,
} as const
