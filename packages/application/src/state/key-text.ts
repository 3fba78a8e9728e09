/**
 * Keys as `Map` keys: one character a byte. Strings of such characters are compared as the bytes are, so sorting them sorts the keys.
 * (Hex would be twice as long and no faster to make.)
 */
export function keyTextOf(key: Uint8Array): string {
  return String.fromCharCode.apply(null, key as unknown as number[]) // keys are short: at most some 80 bytes
}
