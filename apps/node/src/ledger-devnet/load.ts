/**
 * Transfers under way all the time, spread over the nodes that order: each sender has one, and signs the next when it was executed.
 *
 * Acknowledged is what a node said to be durable in a batch. A node that dies before it said so has promised nothing; since nobody can
 * know whether such a transfer will still be ordered, its sender stops, and one of the reserve takes its place when the node is back.
 */
import { signAccountTransaction, transactionId } from '@selvedge/ledger-types'
import type { FromNode } from './messages.ts'
import type { Processes } from './processes.ts'
import { CHAIN_ID, type Wallet } from './setup.ts'

const MAX_FEE_WEI = 10n ** 14n
const WEI: bigint = 10n ** 12n
/** A sender that was refused, or whose node is down, tries again after so long. */
const AGAIN_MS = 200
const GAS_LIMIT = 21_000n

interface Sender {
  readonly wallet: Wallet
  readonly node: number
  nonce: bigint
  sentMs: number
}

export interface LoadOptions {
  readonly wallets: readonly Wallet[]
  /** Senders of each node; the other wallets are the reserve. */
  readonly sendersPerNode: number
}

export class Load {
  readonly #processes: Processes
  readonly #options: LoadOptions
  readonly #reserve: Wallet[]
  readonly #underWay = new Map<string, Sender>()
  readonly acknowledged: Set<string> = new Set()
  readonly executed: Set<string> = new Set()
  readonly #latencies: number[] = []
  #nodes: readonly number[] = []
  #isStopped = false

  constructor(processes: Processes, options: LoadOptions) {
    this.#processes = processes
    this.#options = options
    this.#reserve = [...options.wallets]
    processes.hear((_, message) => this.#hear(message))
  }

  /** Begins at these nodes, in addition to those where it runs. */
  addNodes(nodes: readonly number[]): void {
    this.#nodes = [...this.#nodes, ...nodes]
    for (const node of nodes)
      for (const wallet of this.#reserve.splice(0, this.#options.sendersPerNode)) this.#send({ wallet, node, nonce: 0n, sentMs: 0 })
  }

  /** Nothing is sent through it any more. */
  removeNode(node: number): void {
    this.#nodes = this.#nodes.filter((each) => each !== node)
  }

  stop(): void {
    this.#isStopped = true
  }

  /** Acknowledged, and executed by nobody yet. */
  get owed(): readonly string[] {
    return [...this.acknowledged].filter((id) => !this.executed.has(id))
  }

  /** From submission to execution, of everything executed since the last call, ascending. */
  takeLatenciesMs(): readonly number[] {
    return this.#latencies.splice(0).toSorted((a, b) => a - b)
  }

  #send(sender: Sender): void {
    if (this.#isStopped || !this.#nodes.includes(sender.node)) return
    const { wallet, node, nonce } = sender
    const to = this.#options.wallets[Number(nonce) % this.#options.wallets.length]?.address ?? wallet.address
    const fees = { maxPriorityFeePerGas: 0n, maxFeePerGas: MAX_FEE_WEI, gasLimit: GAS_LIMIT }
    const transfer = { form: 'eip1559' as const, chainId: CHAIN_ID, nonce, ...fees, to, value: WEI, data: new Uint8Array(0) }
    const bytes = signAccountTransaction(transfer, wallet.secretKey)
    const id = Buffer.from(transactionId(bytes)).toString('hex')
    sender.sentMs = performance.now()
    this.#underWay.set(id, sender)
    void this.#processes.submit(node, [bytes]).then((settled) => {
      if (settled === undefined) this.#underWay.delete(id)
      else if (settled.refused.length === 0) this.acknowledged.add(id)
      else {
        this.#underWay.delete(id)
        setTimeout(() => this.#send(sender), AGAIN_MS).unref()
      }
    })
  }

  #hear(message: FromNode): void {
    if (message.type !== 'applied') return
    for (const id of message.block.done) {
      this.executed.add(id)
      const sender = this.#underWay.get(id)
      if (sender === undefined) continue
      this.#underWay.delete(id)
      this.#latencies.push(performance.now() - sender.sentMs)
      this.#send({ ...sender, nonce: sender.nonce + 1n })
    }
  }
}
