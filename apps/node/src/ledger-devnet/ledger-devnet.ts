/** The nodes of a ledger devnet with their folders, and what is known of the chain by listening to them. */
import { linkSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { AppliedBlock, ContentPorts, FromNode, ProcessSettings } from './messages.ts'
import { Processes } from './processes.ts'
import type { DevnetSetup } from './setup.ts'

export class LedgerDevnet {
  readonly setup: DevnetSetup
  readonly processes: Processes = new Processes()
  readonly #folder: string
  /** By height: what each node's state root was. */
  readonly #roots = new Map<number, Map<number, string>>()
  /** By epoch from 0: nodeIndices in authority order. */
  readonly committees: (readonly number[])[]
  readonly certificates: Map<number, Uint8Array> = new Map()
  /** Height of the last block, by epoch. */
  readonly finals: Map<number, number> = new Map()
  /** By node, then by epoch: the transaction that commits its claim, hex. */
  readonly commits: Map<number, Map<number, string>> = new Map()
  readonly joined: Map<number, { readonly height: number; readonly stateRoot: string }> = new Map()

  constructor(setup: DevnetSetup, firstCommittee: readonly number[], folder: string) {
    this.setup = setup
    this.#folder = folder
    this.committees = [firstCommittee]
    this.processes.hear((index, message) => this.#hear(index, message))
  }

  /**
   * Starts the node, or brings it back.
   * @param content - where it fetches what it serves for money. @returns the ports of that.
   */
  async start(index: number, content?: ProcessSettings['content']): Promise<ContentPorts | undefined> {
    const node = this.setup.nodes[index]
    if (node === undefined) throw new Error(`there is no node ${index}`)
    const folder = this.folderOf(index)
    mkdirSync(folder, { recursive: true })
    const others = this.setup.nodes.filter((other) => other.index !== index)
    const sources = others.map(({ ip, ports }) => ({ host: ip.join('.'), port: ports.sync }))
    const settings = { genesisFile: this.setup.genesisFile, node, folder, sources }
    return await this.processes.start(content === undefined ? settings : { ...settings, content })
  }

  folderOf(index: number): string {
    return join(this.#folder, `node-${index}`)
  }

  keptLogsOf(index: number): string {
    return join(this.folderOf(index), 'kept')
  }

  /**
   * A member's log of an epoch is deleted when nobody needs it any more; the audit does. A second name for each file keeps it, with all
   * that is written to it later.
   */
  keepLogs(): void {
    for (const { index } of this.setup.nodes) {
      const wal = join(this.folderOf(index), 'wal')
      for (const epoch of namesIn(wal).filter((name) => name.startsWith('epoch-'))) {
        const kept = join(this.keptLogsOf(index), epoch)
        mkdirSync(kept, { recursive: true })
        const known = new Set(readdirSync(kept))
        for (const name of namesIn(join(wal, epoch))) if (!known.has(name)) linkSync(join(wal, epoch, name), join(kept, name))
      }
    }
  }

  /** Roots that were seen at `height`. */
  rootsAt(height: number): ReadonlyMap<number, string> {
    return this.#roots.get(height) ?? new Map<number, string>()
  }

  /** The largest number of different state roots at one height, over all heights that two nodes or more have executed. */
  get stateRoots(): number {
    const counts = [...this.#roots.values()].filter(({ size }) => size > 1).map((byNode) => new Set(byNode.values()).size)
    return Math.max(0, ...counts)
  }

  async stop(): Promise<void> {
    this.keepLogs()
    await this.processes.stop()
  }

  #hear(index: number, message: FromNode): void {
    if (message.type === 'certified') this.certificates.set(message.height, message.certificate)
    if (message.type === 'committing')
      this.commits.set(index, (this.commits.get(index) ?? new Map<number, string>()).set(message.epoch, message.transaction))
    if (message.type === 'joined') this.joined.set(index, message)
    if (message.type === 'applied') this.#apply(index, message.block)
  }

  #apply(index: number, { height, epoch, stateRoot, nextCommittee }: AppliedBlock): void {
    const byNode = this.#roots.get(height) ?? new Map<number, string>()
    this.#roots.set(height, byNode.set(index, stateRoot))
    if (nextCommittee === undefined) return
    this.committees[epoch + 1] = nextCommittee
    this.finals.set(epoch, height)
    this.keepLogs()
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // not made yet
  }
}
