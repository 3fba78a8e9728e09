/**
 * What a node says to the ledger of its own accord, each said again until the state shows it: under the same nonce while that is free, so that
 * what comes twice is one transaction; under another once something else has used it.
 */
import type { NodeRow } from '@selvedge/application'

/** The near half of the window of nonces; the far half is for evidence. */
const NONCES = 32n
/** Block time until what is not in the state yet is said again. */
export const AGAIN_MS = 2_000

interface Said {
  readonly nonce: bigint
  readonly atMs: number
}

export class ClaimNonces {
  readonly #said = new Map<string, Said>()

  /** The nonce to say `name` with now; undefined where it was said just now, or where the window is full. */
  next(name: string, row: Pick<NodeRow, 'nonceBase' | 'nonceBits'>, nowMs: number): bigint | undefined {
    const last = this.#said.get(name)
    const isFree = last !== undefined && !isUsed(row, last.nonce)
    if (isFree && nowMs - last.atMs < AGAIN_MS) return undefined
    const nonce = isFree ? last.nonce : this.#free(row)
    if (nonce === undefined) return undefined
    this.#said.set(name, { nonce, atMs: nowMs })
    return nonce
  }

  /** Nobody took it: it is said with the next block. */
  again(name: string): void {
    const last = this.#said.get(name)
    if (last !== undefined) this.#said.set(name, { ...last, atMs: Number.NEGATIVE_INFINITY })
  }

  /** What begins with `prefix` is said no more. */
  forget(prefix: string): void {
    for (const name of this.#said.keys()) if (name.startsWith(prefix)) this.#said.delete(name)
  }

  #free(row: Pick<NodeRow, 'nonceBase' | 'nonceBits'>): bigint | undefined {
    const waiting = new Set([...this.#said.values()].map(({ nonce }) => nonce))
    for (let place = 0n; place < NONCES; place++) {
      const nonce = row.nonceBase + place
      if (!isUsed(row, nonce) && !waiting.has(nonce)) return nonce
    }
    return undefined
  }
}

function isUsed({ nonceBase, nonceBits }: Pick<NodeRow, 'nonceBase' | 'nonceBits'>, nonce: bigint): boolean {
  return nonce < nonceBase || ((nonceBits >> (nonce - nonceBase)) & 1n) === 1n
}
