/**
 * Versions of the rules, as one node sees them. It tells the registry which is the newest that it can execute, says when a newer one was
 * decided, and has itself stopped at the end of the last epoch that it understands: before it could execute a block by other rules.
 */
import { epochRow, nodeKeys, nodes, proposals, type Application, type EpochRow } from '@selvedge/application'
import type { KeyPair } from '@selvedge/crypto/ed25519'
import { sha256 } from '@selvedge/crypto/sha256'
import { decodeAction, encodeNodeBody, NODE_KINDS, signNodeTransaction } from '@selvedge/ledger-types'
import type { AttachedNode, AttachToLedger, LedgerAttachment } from './attachment.ts'

export interface VersionNotice {
  /** That governors want to hold. */
  readonly version: number
  /** From the beginning of this epoch on, at the earliest. */
  readonly epoch: number
  /** What this node can execute. */
  readonly newest: number
}

export interface VersionWatchOptions {
  readonly keys: KeyPair
  /** Newest version that this node can execute. */
  readonly newest: number
  /** A version that this node cannot execute was proposed. Once for each epoch that it is due in. */
  readonly onNotice: (notice: VersionNotice) => void
  /** It holds from the next block on: the node must be stopped, and started again with newer software. */
  readonly onEnd: (notice: VersionNotice) => void
}

/** Blocks until the registry is told again. */
const AGAIN_BLOCKS = 100

export function createVersionWatch(options: VersionWatchOptions): AttachToLedger {
  return (application, node) => new VersionWatch(application, node, options)
}

class VersionWatch implements LedgerAttachment {
  readonly #application: Application
  readonly #node: AttachedNode
  readonly #options: VersionWatchOptions
  readonly #noticed = new Set<string>()
  readonly #keyHash: Uint8Array
  #toldAt: number | undefined
  #hasEnded = false
  #running: Promise<void> = Promise.resolve()

  constructor(application: Application, node: AttachedNode, options: VersionWatchOptions) {
    this.#application = application
    this.#node = node
    this.#options = options
    this.#keyHash = sha256(options.keys.publicKey)
  }

  onBlock(): void {
    if (this.#hasEnded) return
    const { newest, onEnd } = this.#options
    const { version, epoch } = this.#application.state.get(epochRow, null) as EpochRow
    if (version > newest) {
      this.#hasEnded = true
      return onEnd({ version, epoch, newest })
    }
    this.#notice()
    this.#tell()
  }

  onCertificate(): void {
    // nothing here depends on certificates
  }

  sayAfterBlock(): readonly Uint8Array[] {
    return []
  }

  async stop(): Promise<void> {
    this.#hasEnded = true
    await this.#running
  }

  #notice(): void {
    const { newest, onNotice } = this.#options
    for (const [hash, { action, epoch }] of this.#application.state.rows(proposals)) {
      const key = `${Buffer.from(hash).toString('hex')} ${epoch}`
      if (this.#noticed.has(key)) continue
      this.#noticed.add(key)
      const decoded = decodeAction(action)
      if (decoded.kind === 'activateVersion' && decoded.version > newest) onNotice({ version: decoded.version, epoch, newest })
    }
  }

  /** Registered versions are what an activation waits for. */
  #tell(): void {
    const { keys, newest } = this.#options
    const { chainId } = this.#application.view()
    const nodeIndex = this.#application.state.get(nodeKeys, this.#keyHash) // Idle ones, which are in no view, may have a seat when it counts
    const row = nodeIndex === undefined ? undefined : this.#application.state.get(nodes, nodeIndex)
    const { height } = this.#application.lastApplied()
    if (nodeIndex === undefined || row === undefined || row.newestVersion === newest) return
    if (this.#toldAt !== undefined && height - this.#toldAt < AGAIN_BLOCKS) return
    this.#toldAt = height
    const body = encodeNodeBody({ kind: 'version', newest })
    const unsigned = { chainId, nodeIndex, nonce: row.nonceBase, kind: NODE_KINDS.version.id, body }
    const bytes = signNodeTransaction(unsigned, (message) => keys.sign(message))
    this.#running = this.#node.submit(bytes).catch(() => {}) // no seat, or no room now: it is said again
  }
}
