/**
 * The small state machine of a chain's schedules: accounts and transfers, epochs of a few seconds of block time, a committee that changes
 * with each, and modes that take turns. A word that wants the end of an epoch before its time is refused.
 */
import { createRandom } from '@selvedge/simulator'
import type { ClosedBy } from '../../src/core/contract.ts'
import type { Mode } from '../../src/dag/contract.ts'
import { planAfter } from '../../src/driver/plan.ts'
import type { BlockItem, EpochPlan, Executed, OrderedBlock } from '../../src/ports.ts'
import { ByteWriter, toHex } from '../../src/wire/bytes.ts'
import { createCommittee } from '../../src/wire/committee.ts'
import { decodeSystemTransaction, encodeSystemTransaction } from '../../src/wire/system-transaction.ts'
import { createScenarioCommittee } from '../scenarios/cheap-committee.ts'
import { Accounts, encodeTransfer } from '../scenarios/executor.ts'
import type { ScheduledExecutor, ScheduledLedger } from './contract.ts'

const CHAIN_ID = 1337
const GENESIS_MS = 1_800_000_000_000
const GENESIS_HASH = new Uint8Array(32).fill(7)
const EPOCH_MS = 1_500
const PARAMETERS = { gcDepth: 8, scheduleCommits: 3 } as const
const ACCOUNTS = 16

/** @param size - nodes; a committee has one less. */
export function createSmallLedger(mode: Mode, seed: number, size: number): ScheduledLedger {
  const { members, cryptos } = createScenarioCommittee(size)
  const random = createRandom(seed, mode, 'chain', 'committees')
  const planOf = (epoch: number): Omit<EpochPlan, 'previous'> => {
    const absent = random.stream('absent', epoch).below(size)
    const other: Mode = mode === 'certified' ? 'uncertified' : 'certified'
    const committee = members.filter((_, place) => place !== absent)
    return { epoch, committee, mode: epoch % 3 === 2 ? other : mode, beacon: new Uint8Array(32).fill(epoch + 1), parameters: PARAMETERS }
  }
  const genesis = { ...planOf(0), previous: { subDagDigest: GENESIS_HASH, timestampMs: GENESIS_MS } }
  const machines = members.map(() => new SmallMachine(genesis, planOf))
  return {
    chainId: CHAIN_ID,
    genesisHash: GENESIS_HASH,
    genesis,
    nodes: members.map(({ key }, place) => ({ key, crypto: cryptos[place]! })),
    paceMs: 4,
    open: (place) => machines[place]!,
    transaction: (number, chance) => encodeTransfer(number, chance.below(ACCOUNTS), chance.below(ACCOUNTS), chance.below(90)),
  }
}

class SmallMachine implements ScheduledExecutor {
  roots = ''
  readonly #accounts = new Accounts()
  readonly #planOf: (epoch: number) => Omit<EpochPlan, 'previous'>
  #plan: EpochPlan
  #index = 0
  #height = 0
  #ready = new Set<number>()
  #closedBy: ClosedBy | undefined

  constructor(genesis: EpochPlan, planOf: (epoch: number) => Omit<EpochPlan, 'previous'>) {
    this.#plan = genesis
    this.#planOf = planOf
  }

  lastApplied(): { readonly index: number; readonly plan: EpochPlan; readonly closedBy: ClosedBy | undefined } {
    return { index: this.#index, plan: this.#plan, closedBy: this.#closedBy }
  }

  execute(block: OrderedBlock): Executed {
    const { epoch, index, timestampMs } = block
    if (epoch !== this.#plan.epoch || index !== this.#index + 1)
      throw new Error(`block ${epoch}.${index} after ${this.#plan.epoch}.${this.#index}`)
    const isTime = timestampMs >= this.#plan.previous.timestampMs + EPOCH_MS
    const { transactions, closedBy } = this.#run(block.items, isTime)
    this.#height += 1
    const { stateRoot, receiptsRoot } = this.#accounts.execute(this.#height, transactions)
    this.roots = `${toHex(stateRoot)} ${toHex(receiptsRoot)}`
    const bytes = new ByteWriter(84).u32(CHAIN_ID).u64(epoch).u64(this.#height).raw(stateRoot).raw(receiptsRoot).finish()
    const checkpoint = { height: this.#height, bytes }
    if (closedBy !== undefined) {
      this.#plan = planAfter(block, this.#planOf(epoch + 1))
      this.#index = 0
      this.#ready = new Set()
      this.#closedBy = closedBy
      return { final: this.#plan, closedBy, checkpoint }
    }
    this.#index = index
    if (!isTime) return { checkpoint }
    const nextMembers = this.#planOf(epoch + 1).committee.map(({ key }) => key)
    return { checkpoint, nextMembers, systemTransactions: [encodeSystemTransaction({ kind: 'readyToClose', epoch })] }
  }

  addEvidence(): void {
    // this machine slashes nobody
  }

  takeTransactions(): readonly Uint8Array[] {
    return []
  }

  #run(items: readonly BlockItem[], isTime: boolean): { readonly transactions: Uint8Array[]; readonly closedBy?: ClosedBy } {
    const committee = createCommittee(this.#plan.committee)
    const transactions: Uint8Array[] = []
    for (const item of items) {
      if (item.type === 'transactions') {
        transactions.push(...item.transactions)
        continue
      }
      if (item.bytes[0] !== 0 || decodeSystemTransaction(item.bytes).kind !== 'readyToClose') continue
      if (isTime) this.#ready.add(item.author)
      if (committee.stakeOf(this.#ready) >= committee.quorum) return { transactions, closedBy: { author: item.author, bytes: item.bytes } }
    }
    return { transactions }
  }
}
