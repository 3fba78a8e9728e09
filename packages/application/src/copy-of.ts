/** A copy for whoever asked: rows of the state, and its root, stay the ledger's own. Not `slice`, which of a Buffer is a view. */
export function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}
