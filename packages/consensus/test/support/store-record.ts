/** The body of the record with this number, so that whoever reads it knows what it must be: 0 to some 60,000 bytes. */
export function bodyOf(number: number): Uint8Array {
  const length = (number * 7_919) % (number % 5 === 0 ? 60_000 : 600)
  return new Uint8Array(length).fill(number & 0xff)
}
