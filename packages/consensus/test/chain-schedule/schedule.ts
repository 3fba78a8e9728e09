/**
 * A chain of epochs under the asynchronous adversarial scheduler, over any state machine: committees that change, members that die between
 * any two things, frames that come late, twice or not at all, and one liar that wants each epoch to end before its time and signs two
 * things of its last block.
 *
 * At the end a fair phase: all are up, all is delivered, and what was promised has been executed, once, the same everywhere.
 */
import { type AdversarialScheduler, createAdversarialScheduler, createRandom, type Random, SimulatorError } from '@selvedge/simulator'
import type { Mode } from '../../src/dag/contract.ts'
import type { BlockItem, OrderedBlock } from '../../src/ports.ts'
import { compareBytes, toHex } from '../../src/wire/bytes.ts'
import { encodeSystemTransaction } from '../../src/wire/system-transaction.ts'
import { Broken, expectThat } from '../scenarios/invariant.ts'
import type { ScheduledExecutor, ScheduledLedger } from './contract.ts'
import { ChainMember, type MemberHost } from './member.ts'

export interface ChainPlan {
  readonly mode: Mode
  readonly seed: number
  /** Nodes there are; the ledger says who sits in which epoch. */
  readonly nodes: number
  /** Before the fair phase. */
  readonly picks: number
  readonly liar: number | undefined
  /** Shares of picks. */
  readonly crashShare: number
  readonly feedShare: number
  readonly jumpShare: number
  /** Share of blocks after which a member dies before it does anything about them. */
  readonly deathShare: number
  /** Shares of frames. */
  readonly duplicateShare: number
  readonly forgetShare: number
  readonly awayPicks: number
}

export interface ChainOutcome {
  readonly plan: ChainPlan
  readonly broken: Broken | undefined
  readonly blocks: number
  readonly epochs: number
  /** Of all that was executed. */
  readonly roots: string
  readonly counts: Readonly<Record<string, number>>
  readonly executors: readonly ScheduledExecutor[]
}

const FAIR_PICKS_MAX = 60_000
const FAIR_JUMP_SHARE = 0.05
const FAIR_BLOCKS = 3
const PICK_MS = 0.2

export function drawChainPlan(mode: Mode, seed: number, nodes: number, picks: number): ChainPlan {
  const random = createRandom(seed, mode, 'chain', 'plan')
  return {
    mode,
    seed,
    nodes,
    picks,
    liar: random.chance(0.75) ? random.below(nodes) : undefined,
    crashShare: random.pick([0, 0.001, 0.003]),
    feedShare: random.pick([0.02, 0.05]),
    jumpShare: random.pick([0.05, 0.2, 0.4]),
    deathShare: random.pick([0, 0.02, 0.1]),
    duplicateShare: random.pick([0, 0.05]),
    forgetShare: random.pick([0, 0, 0.02]),
    awayPicks: random.pick([300, 30]),
  }
}

interface Executed {
  readonly block: OrderedBlock
  readonly name: string
  readonly roots: string
}

class ChainSchedule {
  readonly plan: ChainPlan
  readonly counts: Record<string, number> = {}
  readonly members: readonly ChainMember[]
  readonly #ledger: ScheduledLedger
  readonly #random: Random
  readonly #scheduler: AdversarialScheduler<() => void>
  readonly #aheadMs: number[]
  readonly #restartsAt: number[]
  readonly #blocks: Executed[] = []
  /** By transaction: how often it was executed. */
  readonly #executed = new Map<string, number>()
  /** By transaction: how often an honest node took it. */
  readonly #promised = new Map<string, number>()
  /** What nodes that left had promised, or brings of their own accord: whoever has a seat is given it until it is executed. */
  readonly #owed = new Map<string, Uint8Array>()
  /** Such transactions may come more than once: several members may have been given one. */
  readonly #broughtAgain = new Set<string>()
  readonly #hastyIn = new Set<number>()
  #picks = 0
  #isFair = false
  #number = 0

  constructor(plan: ChainPlan, ledger: ScheduledLedger) {
    const { seed, mode, nodes } = plan
    this.plan = plan
    this.#ledger = ledger
    this.#random = createRandom(seed, mode, 'chain', 'run')
    this.#scheduler = createAdversarialScheduler(createRandom(seed, mode, 'chain', 'schedule'), { receivers: nodes })
    this.#aheadMs = Array.from({ length: nodes }, () => 0)
    this.#restartsAt = Array.from({ length: nodes }, () => 0)
    const host = this.#host()
    this.members = Array.from({ length: nodes }, (_, place) => new ChainMember(place, ledger, host))
    if (plan.liar !== undefined) this.members[plan.liar]!.second = (bytes) => this.#secondOf(bytes)
    for (const member of this.members) member.start()
  }

  get roots(): string {
    return this.#blocks.at(-1)?.roots ?? ''
  }

  get height(): number {
    return this.#blocks.length
  }

  get epochs(): number {
    return this.#blocks.at(-1)?.block.epoch ?? 0
  }

  /** @throws {Broken} */
  run(): void {
    while (this.#picks < this.plan.picks) {
      this.#disturb()
      this.#pick()
    }
    this.#settle()
  }

  #pick(): void {
    this.#picks++
    this.#scheduler.next()?.item()
  }

  #disturb(): void {
    const { crashShare, feedShare, liar } = this.plan
    for (const [place, at] of this.#restartsAt.entries()) if (!this.members[place]!.isUp && at <= this.#picks) this.members[place]!.start()
    if (this.#random.chance(feedShare)) this.#feed()
    if (this.#random.chance(crashShare)) this.#crash(this.#random.pick(this.members))
    if (liar !== undefined) this.#hurry(this.members[liar]!)
  }

  #seated(): readonly ChainMember[] {
    return this.members.filter(({ isUp, hasSeat }) => isUp && hasSeat)
  }

  #feed(): void {
    const seated = this.#seated()
    if (seated.length === 0) return
    this.#random.pick(seated).submit([this.#ledger.transaction(this.#number++, this.#random)])
    this.#bringAgain()
  }

  /** The one that waits longest, until it is executed. */
  #bringAgain(): void {
    const seated = this.#seated()
    const [next] = this.#owed
    if (next === undefined || seated.length === 0) return
    const [id, transaction] = next
    this.#owed.delete(id)
    if (this.#executed.has(id)) return
    this.#owed.set(id, transaction)
    this.#random.pick(seated).submit([transaction])
  }

  /** A word that every executor refuses, once an epoch. */
  #hurry(member: ChainMember): void {
    const { epoch } = member
    if (!member.isUp || !member.hasSeat || this.#hastyIn.has(epoch)) return
    this.#hastyIn.add(epoch)
    this.#count('early words')
    member.step({ type: 'systemTransaction', bytes: encodeSystemTransaction({ kind: 'readyToClose', epoch }) })
  }

  /** Another story of a block that ended an epoch, told beside the true one. */
  #secondOf(bytes: Uint8Array): Uint8Array | undefined {
    const height = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(12, true))
    const at = this.#blocks[height - 1]?.block
    const after = this.#blocks[height]?.block
    if (at === undefined || (after !== undefined && after.epoch === at.epoch)) return undefined
    if (after === undefined && this.members[this.plan.liar!]!.epoch === at.epoch) return undefined
    this.#count('second checkpoints')
    const other = bytes.slice()
    other[other.length - 1]! ^= 1
    return other
  }

  #crash(member: ChainMember): void {
    if (!member.isUp) return
    this.#count('crashes')
    member.crash((count) => this.#random.below(count + 1))
    this.#scheduler.forget(member.place)
    this.#aheadMs[member.place] = 0
    this.#restartsAt[member.place] = this.#picks + 1 + this.#random.below(this.plan.awayPicks)
  }

  /** I8, I9: with everything delivered there are new blocks, everybody has all of them, and every promise is kept. */
  #settle(): void {
    this.#isFair = true
    this.#scheduler.beFair()
    for (const member of this.members) if (!member.isUp) member.start()
    const target = this.height + FAIR_BLOCKS
    const open = (): string[] => [...this.#promised.keys()].filter((id) => !this.#executed.has(id))
    const isDone = (): boolean => this.members.every(({ height }) => height >= target) && open().length === 0
    for (let pick = 0; pick < FAIR_PICKS_MAX; pick++) {
      if (pick % 100 === 0 && isDone()) return
      if (pick % 50 === 0) this.#bringAgain()
      this.#pick()
    }
    const heights = this.members.map(({ place, height, epoch }) => `${place}: ${height} in ${epoch}`).join(', ')
    expectThat(open().length === 0 || this.height < target, 'I8', () => `${open().length} promises are open, at ${heights}`)
    throw new Broken('I9', `blocks ${heights}, ${target} are due`)
  }

  #later(place: number, dueMs: number, run: () => void): void {
    this.#scheduler.add(place, place, () => {
      const waitMs = dueMs - this.#nowMs(place)
      if (waitMs > 0 && !this.#random.chance(this.#isFair ? FAIR_JUMP_SHARE : this.plan.jumpShare)) return this.#later(place, dueMs, run)
      this.#aheadMs[place]! += Math.max(0, waitMs)
      run()
    })
  }

  #nowMs(place: number): number {
    return this.#aheadMs[place]! + this.#picks * PICK_MS
  }

  #host(): MemberHost {
    const { genesis, paceMs, nodes } = this.#ledger
    const chance = createRandom(this.plan.seed, this.plan.mode, 'chain', 'members')
    const places = new Map(nodes.map(({ key }, place) => [toHex(key), place]))
    return {
      time: (place) => ({ nowMs: this.#nowMs(place), unixMs: genesis.previous.timestampMs + Math.floor(this.#picks * paceMs) }),
      random: () => chance.u32(),
      send: (from, to, frame) => this.#send(from, places.get(to)!, frame),
      later: (place, delayMs, run) => this.#later(place, this.#nowMs(place) + delayMs, run),
      dies: (place) => {
        if (this.#isFair || !this.#random.chance(this.plan.deathShare)) return false
        this.#count('deaths after a block')
        this.#crash(this.members[place]!)
        return true
      },
      onExecuted: (place, height, block, executor, closing) => this.#onExecuted(place, height, block, executor, closing),
      onAccepted: (_, transactions) => {
        for (const transaction of transactions) {
          const id = toHex(transaction)
          this.#promised.set(id, (this.#promised.get(id) ?? 0) + 1)
        }
      },
      onReturned: (transactions) => {
        this.#count('returned', transactions.length)
        for (const transaction of transactions) {
          this.#owed.set(toHex(transaction), transaction)
          this.#broughtAgain.add(toHex(transaction))
        }
      },
      onHalt: (place, reason) => {
        throw new Broken('I11', `member ${place} halts, though a quorum is honest: ${reason}`)
      },
      blockAt: (height) => this.#blocks[height - 1]?.block,
    }
  }

  #send(from: number, to: number, frame: Uint8Array): void {
    const { duplicateShare, forgetShare } = this.plan
    if (!this.#isFair && this.#random.chance(forgetShare)) return
    const { key } = this.members[from]!
    const copies = !this.#isFair && this.#random.chance(duplicateShare) ? 2 : 1
    for (let copy = 0; copy < copies; copy++)
      this.#scheduler.add(to, from, () => this.members[to]!.step({ type: 'frame', from: key, frame: frame.slice() }))
  }

  /** I1: one block a height. I7: one state after it. I3: what an honest node promised is executed once for each promise. */
  #onExecuted(place: number, height: number, block: OrderedBlock, { roots }: ScheduledExecutor, closing: BlockItem | undefined): void {
    const name = `${block.epoch}.${block.index} ${toHex(block.digest)}`
    const known = this.#blocks[height - 1]
    expectThat((known?.name ?? name) === name, 'I1', () => `member ${place} has ${name} as block ${height}, not ${known?.name}`)
    expectThat((known?.roots ?? roots) === roots, 'I7', () => `member ${place} has other roots after block ${height}`)
    if (known !== undefined) return
    this.#blocks.push({ block, name, roots })
    for (const item of executedItems(block.items, closing)) if (item.type === 'transactions') this.#note(item.transactions, height)
  }

  #note(transactions: readonly Uint8Array[], height: number): void {
    for (const transaction of transactions) {
      const id = toHex(transaction)
      const count = (this.#executed.get(id) ?? 0) + 1
      this.#executed.set(id, count)
      const isOnce = count <= (this.#promised.get(id) ?? count) || this.#broughtAgain.has(id)
      expectThat(isOnce, 'I3', () => `what was promised is executed again in block ${height}`)
    }
  }

  #count(name: string, by = 1): void {
    this.counts[name] = (this.counts[name] ?? 0) + by
  }
}

function executedItems(items: readonly BlockItem[], closing: BlockItem | undefined): readonly BlockItem[] {
  if (closing?.type !== 'system') return items
  const place = items.findIndex(
    (item) => item.type === 'system' && item.author === closing.author && compareBytes(item.bytes, closing.bytes) === 0,
  )
  return items.slice(0, place + 1)
}

/** A member that throws is as broken as one that forks: nothing that a peer or a block says may make it. */
export function playChain(plan: ChainPlan, ledger: ScheduledLedger): ChainOutcome {
  const schedule = new ChainSchedule(plan, ledger)
  let broken: Broken | undefined
  try {
    schedule.run()
  } catch (error) {
    if (error instanceof SimulatorError || !(error instanceof Error)) throw error
    broken = error instanceof Broken ? error : new Broken('I3', `a member threw: ${error.stack ?? error.message}`)
  }
  const { height: blocks, epochs, roots, counts, members } = schedule
  return { plan, broken, blocks, epochs, roots, counts, executors: members.map(({ executor }) => executor) }
}
