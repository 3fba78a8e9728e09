/** Seeded chance for tests: SplitMix32. */
export interface Random {
  u32(): number
  /** From 0 on, below `limit`. */
  below(limit: number): number
  chance(share: number): boolean
  bytes(length: number): Uint8Array
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const u32 = (): number => {
    state = (state + 0x9e37_79b9) >>> 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0_aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a_2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }
  return {
    u32,
    below: (limit) => Math.floor((u32() / 2 ** 32) * limit),
    chance: (share) => u32() / 2 ** 32 < share,
    bytes: (length) => Uint8Array.from({ length }, () => u32() & 0xff),
  }
}
