/** How content can be proven to whoever asked for it. */
export type ContentMode =
  | 'car' // the DAG's own blocks, depth-first, each checked with its CID
  | 'proof' // interior nodes and flat leaf bytes, each checked with its CID
  | 'blake3' // a slice of the BLAKE3 tree, checked against a root
  | 'attested' // a slice under a root that witnesses vouch for

const BITS: readonly (readonly [ContentMode, number])[] = [
  ['car', 1],
  ['proof', 2],
  ['blake3', 4],
  ['attested', 8],
]

/** A set of modes as the byte that a request carries. */
export function modeBits(modes: readonly ContentMode[]): number {
  return BITS.reduce((bits, [mode, bit]) => (modes.includes(mode) ? bits | bit : bits), 0)
}

/** The modes of that byte in the order of their bits; undefined where a bit has no meaning or no bit is set. */
export function modesOf(bits: number): ContentMode[] | undefined {
  if (bits === 0 || bits > 15) return undefined
  return BITS.filter(([, bit]) => (bits & bit) !== 0).map(([mode]) => mode)
}
