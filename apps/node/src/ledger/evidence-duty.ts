/**
 * Evidence that no proposal can carry any more: two words of one member are often seen together only when their epoch is over (two
 * signatures on its final checkpoint always are), and its order has ended. Then a node brings the proof as a transaction of its own.
 *
 * One is enough, so members take turns by their place in the running committee; whoever has no seat comes after them. It is said again until
 * the state has the row, or the committee that it accuses is no longer kept.
 */
import { committees, evidences, nodeKeys, nodes, SLASH_CAUSES, type Application } from '@selvedge/application'
import { sha256 } from '@selvedge/crypto/sha256'
import { encodeNodeBody, isSameBytes, NODE_KINDS, signNodeTransaction } from '@selvedge/ledger-types'
import { evidenceRules } from './evidence-rules.ts'

/** Accused members whose evidence waits here; what comes beyond is somebody else's to bring. */
const WAITING_MAX = 256
/** Blocks that each member gives those before it. */
const TURN_BLOCKS = 4
/** Blocks until what is not in the state yet is said again. */
const AGAIN_BLOCKS = 40
/** The far half of the window of nonces, so that none is taken from what a node says every epoch. */
const FIRST_NONCE = 32n
const NONCES = 64n

export interface EvidenceDutyComponents {
  readonly application: Application
  readonly keys: { readonly publicKey: Uint8Array; sign(message: Uint8Array): Uint8Array }
  /** Rejects when nobody takes it now: it is said again. */
  readonly submit: (transaction: Uint8Array) => Promise<void>
}

interface Waiting {
  readonly bytes: Uint8Array
  readonly epoch: number
  readonly authority: number
  /** Height from which on it is this node's turn, once its epoch is over. */
  dueAt: number | undefined
}

export class EvidenceDuty {
  readonly #components: EvidenceDutyComponents
  readonly #waiting = new Map<string, Waiting>()
  readonly #running = new Set<Promise<void>>()
  #isStopped = false

  constructor(components: EvidenceDutyComponents) {
    this.#components = components
  }

  /** Evidence that the order has proven, of an epoch that runs or is over. */
  add(bytes: Uint8Array): void {
    const accused = evidenceRules.accusedBy(bytes)
    if (accused === undefined || this.#waiting.size >= WAITING_MAX) return
    const { epoch, authority } = accused
    const name = `${epoch} ${authority}`
    if (!this.#waiting.has(name)) this.#waiting.set(name, { bytes: bytes.slice(), epoch, authority, dueAt: undefined })
  }

  /** To be called after each block. */
  onBlock(): void {
    for (const [name, waiting] of this.#waiting) {
      if (this.#isSettled(waiting)) this.#waiting.delete(name)
      else this.#bring(waiting)
    }
  }

  /** Waits for what is on its way. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#waiting.clear()
    await Promise.all(this.#running)
  }

  /** It is in the state, or too old to be, or this node's own fault, which is others' to show. */
  #isSettled({ epoch, authority }: Waiting): boolean {
    const { application, keys } = this.#components
    const member = application.state.get(committees, epoch)?.[authority]
    if (member === undefined || isSameBytes(member.nodeKey, keys.publicKey)) return true
    return application.state.get(evidences, { nodeIndex: member.nodeIndex, cause: SLASH_CAUSES.equivocation, epoch }) !== undefined
  }

  #bring(waiting: Waiting): void {
    const { application } = this.#components
    const { epoch, height } = application.lastApplied()
    if (this.#isStopped || waiting.epoch >= epoch) return // its own order carries it
    waiting.dueAt ??= height + TURN_BLOCKS * this.#turn(epoch)
    if (height < waiting.dueAt) return
    waiting.dueAt = height + AGAIN_BLOCKS
    const bytes = this.#signed(waiting)
    if (bytes === undefined) return
    const job = this.#components
      .submit(bytes)
      .catch(() => {}) // no room, or nobody takes it now: it is said again
      .finally(() => this.#running.delete(job))
    this.#running.add(job)
  }

  #turn(epoch: number): number {
    const { application, keys } = this.#components
    const members = application.state.get(committees, epoch) ?? []
    const place = members.findIndex(({ nodeKey }) => isSameBytes(nodeKey, keys.publicKey))
    return place === -1 ? members.length : place
  }

  #signed({ bytes, authority }: Waiting): Uint8Array | undefined {
    const { application, keys } = this.#components
    const nodeIndex = application.state.get(nodeKeys, sha256(keys.publicKey))
    const row = nodeIndex === undefined ? undefined : application.state.get(nodes, nodeIndex)
    if (nodeIndex === undefined || row === undefined) return undefined
    const place = FIRST_NONCE + (BigInt(authority) % (NONCES - FIRST_NONCE))
    const isUsed = ((row.nonceBits >> place) & 1n) === 1n
    const { chainId } = application.view()
    const unsigned = {
      chainId,
      nodeIndex,
      nonce: row.nonceBase + (isUsed ? 0n : place),
      kind: NODE_KINDS.evidence.id,
      body: encodeNodeBody({ kind: 'evidence', bytes }),
    }
    return signNodeTransaction(unsigned, (message) => keys.sign(message))
  }
}
