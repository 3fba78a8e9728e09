// The real state machine of four members on its memory store, driven block by block: block time is ours, so that an epoch takes a moment.
import {
  CLAIM_STATES,
  claims,
  committees,
  DISPUTE_STATES,
  disputes,
  createApplication,
  createMemoryStore,
  type Application,
  type BlockItem,
} from '@selvedge/application'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { sha256 } from '@selvedge/crypto/sha256'
import { claimLeafOf, type ClaimedSession } from '@selvedge/delivery-acknowledgement'
import { isSameBytes } from '@selvedge/ledger-types'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { evidenceRules } from '../src/ledger/evidence-rules.ts'
import { createMemberDuties, type MemberDuties } from '../src/ledger/member-duties.ts'
import { deliver, type Delivered, type Terms } from '../src/ledger-devnet/paid-delivery.ts'
import type { DevnetNode, Wallet } from '../src/ledger-devnet/setup.ts'
import { ClaimDuty, type ClaimEvent, type ClaimSource } from '../src/payments/claim-duty.ts'
import { openClaimFiles } from '../src/payments/claim-files.ts'
import { scratchFolder } from './harness.ts'
import { MICRO, signedCall, TestNetwork } from './ledger-network.ts'

const BLOCK_MS = 250
const USD = 1

/** What a duty was seen to do. */
export interface Seen {
  readonly events: ClaimEvent[]
  readonly errors: unknown[]
  readonly forgotten: bigint[]
  /** How often it asked for what there is to claim. */
  taken: number
}

export class ClaimWorld {
  readonly network: TestNetwork
  readonly application: Application
  readonly folder: string
  readonly seen: Seen = { events: [], errors: [], forgotten: [], taken: 0 }
  readonly #members: readonly MemberDuties[]
  readonly #keys: readonly Uint8Array[]
  #next: Uint8Array[] = []
  #duties: ClaimDuty[] = []
  /** What is to be claimed, by epoch; undefined: more may still come. */
  evidence: (epoch: bigint) => readonly ClaimedSession[] | undefined = () => []
  /** Whether a transaction of the duty comes into the order. */
  isTaken: (bytes: Uint8Array) => boolean = () => true
  /** Whether one that was taken never comes into a block. */
  isLost: (bytes: Uint8Array) => boolean = () => false
  /** Certificates come with their blocks, or not. */
  isCertified = true

  private constructor(network: TestNetwork, folder: string) {
    this.network = network
    this.folder = folder
    this.application = createApplication({ store: createMemoryStore(), evidenceRules }, { genesis: network.genesis })
    const members = network.nodes.map(({ seeds }) => ({ publicKey: createKeyPair(seeds.node).publicKey, seed: seeds.node }))
    this.#keys = members.map(({ publicKey }) => publicKey)
    this.#members = members.map((member) => createMemberDuties(this.application, member))
  }

  static async create(): Promise<ClaimWorld> {
    const folder = await scratchFolder()
    const network = await TestNetwork.create(folder, { pace: 1, senders: 2 })
    return new ClaimWorld(network, folder)
  }

  /** The duty of `node`, as after a start: it knows what is on disk. One that was there before is as if it had been killed. */
  async startDuty(node = 0): Promise<ClaimDuty> {
    const source: ClaimSource = {
      takeEpoch: (epoch) => {
        this.seen.taken++
        return this.evidence(epoch)
      },
      forget: async (epoch) => void this.seen.forgotten.push(epoch),
    }
    const duty = new ClaimDuty({
      application: this.application,
      keys: createKeyPair(this.network.nodes[node]!.seeds.node),
      submit: async (bytes) => {
        if (!this.isTaken(bytes)) throw new Error('nobody takes it')
        if (!this.isLost(bytes)) this.#next.push(bytes)
      },
      source,
      files: await openClaimFiles(join(this.folder, `claims-${node}`)),
      onEvent: (event) => this.seen.events.push(event),
      onError: (error) => this.seen.errors.push(error),
    })
    this.#duties = [duty]
    return duty
  }

  deposit(customer: Wallet): Promise<void> {
    return this.block(
      signedCall(customer, this.application.account(customer.address).nonce, 'deposit', {
        account: customer.address,
        amount: 1_000n * MICRO,
      }),
    )
  }

  /** What a customer signed for at `node` in the running epoch. */
  delivered(customer: Wallet, node: number, bytes: bigint): Delivered {
    const { epoch, priceVersion, prices } = this.application.view()
    const terms: Terms = { epoch, priceVersion, bytePrice: prices.bytePrice, cpuPrice: prices.cpuPrice }
    return deliver(customer, this.network.nodes[node] as unknown as DevnetNode, terms, bytes)
  }

  /** As the books hand it out. @param factor - of what was signed; 1 is honest. */
  claimed(customer: Wallet, { evidence, amount }: Delivered, factor = 1n): ClaimedSession {
    return { evidence, leaf: claimLeafOf(evidence, this.application.account(customer.address).clientIndex, amount * factor) }
  }

  async block(...transactions: readonly Uint8Array[]): Promise<void> {
    const { epoch, index, timestampMs, blockDigest } = this.application.lastApplied()
    const words = this.#members.flatMap((member, place): BlockItem[] => {
      const author = (this.application.state.get(committees, epoch) ?? []).findIndex(({ nodeKey }) =>
        isSameBytes(nodeKey, this.#keys[place]!),
      )
      return author < 0 ? [] : member.sayAfterBlock().map((bytes) => ({ type: 'system', author, bytes }))
    })
    const items: BlockItem[] = [{ type: 'transactions', author: 0, transactions: [...transactions, ...this.#next] }, ...words]
    this.#next = []
    const { height } = this.application.execute({
      epoch,
      index: index + 1,
      digest: sha256(blockDigest),
      timestampMs: timestampMs + BLOCK_MS,
      items,
    })
    for (const duty of this.#duties) {
      duty.onBlock()
      if (this.isCertified) duty.onCertificate(height)
    }
    await this.settle()
  }

  /** Until the duty has done what it does about a block, its disk included. */
  async settle(): Promise<void> {
    for (const duty of this.#duties) await duty.idle()
    await nextTurn()
  }

  /** Blocks until it holds, for so many epochs at most. */
  async until(holds: () => boolean, epochs = 5): Promise<void> {
    const last = this.application.lastApplied().epoch + epochs
    while (!holds()) {
      if (this.application.lastApplied().epoch > last) throw new Error('it never came to be')
      await this.block()
    }
  }

  claimState(epoch: number, nodeIndex = 0): keyof typeof CLAIM_STATES | undefined {
    const state = this.application.state.get(claims, { epoch, nodeIndex })?.state
    return (Object.keys(CLAIM_STATES) as (keyof typeof CLAIM_STATES)[]).find((name) => CLAIM_STATES[name] === state)
  }

  openDisputes(epoch: number): number {
    const rows = this.application.state.rows(disputes)
    return rows.filter(([key, { state }]) => key.epoch === epoch && state === DISPUTE_STATES.open).length
  }

  usd(address: Uint8Array): bigint {
    return this.application.balance(address, USD)
  }
}
