/** Ends the process's trust in itself: what is asserted here can only fail by a programming error, never by what a peer sent. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`consensus invariant: ${message}`)
}
