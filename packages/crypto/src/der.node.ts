/** DER (X.690): what a certificate is written in. Node only. */

/** One element: its length in as few bytes as it takes. */
export function encodeElement(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([tag, ...lengthOf(body.length)]), body])
}

function lengthOf(bytes: number): readonly number[] {
  if (bytes < 0x80) return [bytes]
  const octets: number[] = []
  for (let rest = bytes; rest > 0; rest = Math.floor(rest / 0x100)) octets.unshift(rest % 0x100)
  return [0x80 + octets.length, ...octets]
}
