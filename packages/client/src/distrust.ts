/**
 * Which nodes lied to this client: others are asked first, until the time of each is over. It goes by what a node's own key sent, so no node can
 * bring another into it.
 *
 * Times are Unix milliseconds, so that it can outlive the process. What was saved is believed for little: a key that is none is nobody's, and a
 * time that is none, or further away than twice what is ever set (as when the clock was set back), is over. Nobody is distrusted for longer.
 */

/** JSON. */
export interface DistrustedNode {
  /** Its Ed25519 key, 64 hex digits: whatever its address is. */
  readonly nodeKey: string
  /** How it was found out: `details.finer` of the `CLIENT_UNVERIFIED`; `CLIENT_BAD_ANSWER` where it said two sizes in one answer. */
  readonly finer: string
  /** Unix milliseconds. */
  readonly untilMs: number
}

/** Long enough that a lie an hour is all that a node gets; short enough that one whose disk was mended comes back. */
const DISTRUST_MS = 3_600_000
/** Of more, those that lied last. */
const NODES_MAX = 1_024

export class Distrust {
  readonly #nodes = new Map<string, DistrustedNode>()
  readonly #nowMs: () => number

  /** @param saved - what `nodes` was. */
  constructor(saved: readonly DistrustedNode[] = [], nowMs: () => number = Date.now) {
    this.#nowMs = nowMs
    for (const node of saved) this.#keep(node)
  }

  /** Those whose time is not over; who lied last is last. */
  get nodes(): readonly DistrustedNode[] {
    return [...this.#nodes.values()].filter((node) => this.#isHeld(node))
  }

  has(nodeKey: string): boolean {
    return this.#isHeld(this.#nodes.get(nodeKey))
  }

  note(nodeKey: string, finer: string): void {
    this.#keep({ nodeKey, finer, untilMs: this.#nowMs() + DISTRUST_MS })
  }

  #keep(node: DistrustedNode): void {
    this.#nodes.delete(node.nodeKey)
    this.#nodes.set(node.nodeKey, node)
    const [oldest] = this.#nodes.keys()
    if (this.#nodes.size > NODES_MAX) this.#nodes.delete(oldest!)
  }

  #isHeld(node: DistrustedNode | undefined): boolean {
    const leftMs = node === undefined ? 0 : node.untilMs - this.#nowMs()
    return leftMs > 0 && leftMs <= 2 * DISTRUST_MS
  }
}
