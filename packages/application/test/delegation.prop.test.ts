/**
 * What each delegator of a node gets, whoever comes, leaves, earns and is slashed in between.
 *
 * Method: random delegations, withdrawals, rewards, commissions and slashes of one node, against a ledger that counts no shares and keeps no sums
 * a share: each person's money and earnings as fractions, of which a reward adds its part and a slash takes its part. The real one rounds to whole µ and
 * shares, so that both may differ by what these roundings can have moved, which is counted along: a µ or the price of a share for each act.
 */
import { accounts, delegations, leavingPools, nodes, owners, SLASH_CAUSES, supplyRow, type NodeRow } from '@selvedge/application'
import { CODES } from '@selvedge/ledger-types'
import { afterAll, expect, test } from 'vitest'
import { delegationCalls, rewardOf } from '../src/calls/delegation.ts'
import { emitFor } from '../src/epoch/emission.ts'
import { slash } from '../src/epoch/slash.ts'
import { releaseDue } from '../src/epoch/unbonding.ts'
import type { AccountCall } from '../src/execute/handler.ts'
import { encodeField, u32be } from '../src/state/fields.ts'
import { NATIVE, Network, seedOf } from './support/network.ts'
import { createRandom, type Random } from './support/random-actions.ts'
import { ofKind, stepOf, type Step } from './support/step.ts'

const FIRST = Number(process.env.SEED ?? 1)
const COUNT = Number(process.env.RUNS ?? 30)
const SEEDS_THAT_TELL = 30
const ACTS = 150
const NODE = 1
const PEOPLE = 5
const UNBOND_EPOCHS = 4
/** Four epochs are a year: what inflation allows in one is far above what is minted here. */
const QUARTER_MS = 7_889_400_000
/** Of a µ in the fractions. */
const UNIT: bigint = 2n ** 160n
const PPM = 1_000_000n

interface Person {
  readonly address: Uint8Array
  /** In the pool, in `UNIT` of a µ, as the following two. */
  money: bigint
  earned: bigint
  /** That had to be released by now. */
  released: bigint
  /** µ that came for rewards. */
  paid: bigint
}

interface Leaving {
  readonly person: Person
  readonly due: number
  money: bigint
}

const network = new Network({ genesis: { parameters: { epochMs: QUARTER_MS, unbondEpochs: UNBOND_EPOCHS } } })
const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n)
const lesserOf = (a: bigint, b: bigint): bigint => (a < b ? a : b)

class World {
  readonly random: Random
  readonly people: readonly Person[]
  readonly #step: Step = stepOf(network)
  #epoch = 0
  #leaving: Leaving[] = []
  /** µ by which the money of anybody may be off. */
  dust = 0n
  /** µ by which the rewards of anybody may be off. */
  slack = 0n
  /** µ of rewards that were set aside for delegators. */
  setAside = 0n

  constructor(seed: number) {
    this.random = createRandom(seed)
    this.people = Array.from({ length: PEOPLE }, (_, i) => {
      return { address: seedOf(`delegator ${i}`).slice(0, 20), money: 0n, earned: 0n, released: 0n, paid: 0n }
    })
    for (const { address } of this.people) this.#step.state.put(accounts, address, { nonce: 0n, native: 10n ** 13n, clientIndex: 0 })
  }

  get #node(): NodeRow {
    return this.#step.state.get(nodes, NODE)!
  }

  #context(): Step {
    return { ...this.#step, block: { ...this.#step.block, epoch: this.#epoch } }
  }

  #nativeOf(address: Uint8Array): bigint {
    return this.#step.state.get(accounts, address)?.native ?? 0n
  }

  #sharesOf({ address }: Person): bigint {
    return this.#step.state.get(delegations, { nodeIndex: NODE, address })?.shares ?? 0n
  }

  #rewardsOf(): bigint[] {
    const rows = this.people.map(({ address }) => this.#step.state.get(delegations, { nodeIndex: NODE, address }))
    return rows.map((row) => (row === undefined ? 0n : rewardOf(this.#node, row)))
  }

  /** One call of `person`, who also draws what he has earned. @returns whether it was taken. */
  #call(person: Person, value: bigint, run: (call: AccountCall) => number): boolean {
    const before = this.#nativeOf(person.address)
    const { delegated, shares } = this.#node
    const price = shares === 0n ? 1n : delegated / shares + 1n
    if (run({ ...this.#context(), sender: person.address, value }) !== CODES.ok) return false
    person.paid += this.#nativeOf(person.address) - before + value
    this.dust += price + 1n
    this.slack += 2n
    return true
  }

  delegate(): void {
    const person = this.random.pick(this.people)
    const value = 100_000n + this.random.amount(2_000n * NATIVE)
    const isTaken = this.#call(person, value, (call) => delegationCalls.delegate!(call, { nodeIndex: NODE }))
    if (isTaken) person.money += value * UNIT
  }

  undelegate(person: Person = this.random.pick(this.people), isAll = this.random.below(3) === 0): void {
    const held = this.#sharesOf(person)
    if (held === 0n) return
    const shares = isAll ? held : this.random.amount(held)
    if (!this.#call(person, 0n, (call) => delegationCalls.undelegate!(call, { nodeIndex: NODE, shares }))) return
    const money = (person.money * shares) / held
    person.money -= money
    this.#leaving.push({ person, due: this.#epoch + UNBOND_EPOCHS, money })
  }

  /** The node earns, and nobody else. */
  reward(): void {
    const { state, events } = this.#step
    const { owner, stake, delegated, commission } = this.#node
    const [native, { rewards }] = [this.#nativeOf(owner), state.get(supplyRow, null)!]
    const revenue = 1_000_000n + this.random.amount(50_000n * NATIVE)
    events.length = 0
    const payment = { nodeIndex: NODE, serviceId: 0, revenue, burnt: 0n, protocol: 0n, service: 0n, node: 0n }
    emitFor(this.#context(), this.#epoch, [payment], revenue)
    const part = ofKind(events, 'emission')[0]!.nodes
    const given = state.get(supplyRow, null)!.rewards - rewards
    assertThat('the owner has what delegators have not', this.#nativeOf(owner) - native === part - given)
    this.setAside += given
    const pool = part - (part * BigInt(commission)) / PPM
    const due = delegated === 0n ? 0n : (pool * delegated * UNIT) / (stake + delegated)
    assertThat('delegators have what is due to them', given * UNIT < due + UNIT && given * UNIT > due - 2n * UNIT)
    const money = sum(this.people.map((person) => person.money))
    if (money === 0n || delegated === 0n) return
    for (const person of this.people) person.earned += (due * person.money) / money
    this.slack += 2n + lesserOf(given, (2n * given * this.dust) / delegated)
  }

  setCommission(): void {
    this.#step.state.put(nodes, NODE, { ...this.#node, commission: this.random.below(1_000_001) })
  }

  addStake(): void {
    this.#step.state.put(nodes, NODE, { ...this.#node, stake: this.#node.stake + this.random.amount(3_000n * NATIVE) })
  }

  /** Of the stake, or of that and some of the delegators', or of everything. */
  slash(): void {
    const { stake, delegated } = this.#node
    const some = stake + this.random.amount(delegated + 1n)
    const amount = this.random.pick([this.random.amount(stake + 1n), some, some, some, 2n ** 64n - 1n])
    const earned = this.#rewardsOf()
    const { taken } = slash(this.#context(), { nodeIndex: NODE, cause: SLASH_CAUSES.falseClaim, amount })
    assertThat('a slash takes nothing that was earned before it', String(this.#rewardsOf()) === String(earned))
    const fromPools = taken - lesserOf(amount, stake)
    if (fromPools === 0n) return
    const pools = this.#step.state.rows(leavingPools, encodeField(u32be, NODE)).flatMap(([, each]) => each)
    const left = this.#node.delegated + sum(pools.map((each) => each.left))
    const holders = [...this.people, ...this.#leaving]
    const all = sum(holders.map(({ money }) => money))
    const rest = left === 0n || fromPools * UNIT > all ? 0n : all - fromPools * UNIT
    for (const holder of holders) holder.money = all === 0n ? 0n : (holder.money * rest) / all
    this.dust += 2n
  }

  passEpoch(): void {
    releaseDue(this.#context())
    const due = this.#leaving.filter((each) => each.due <= this.#epoch)
    for (const { person, money } of due) person.released += money
    this.#leaving = this.#leaving.filter((each) => each.due > this.#epoch)
    this.dust += BigInt(due.length)
    this.#epoch += 1
    for (const { address, released } of this.people) {
      const claimable = this.#step.state.get(owners, address)?.claimable ?? 0n
      assertThat(`${claimable} µ have come back, in epoch ${this.#epoch}`, isWithin(claimable, released, this.dust))
    }
  }

  /** All go, and wait. */
  end(): void {
    for (const person of this.people) {
      while (this.#sharesOf(person) > 0n) {
        this.undelegate(person, true)
        if (this.#sharesOf(person) > 0n) this.passEpoch() // his queue is full
      }
    }
    for (let i = 0; i <= UNBOND_EPOCHS; i++) this.passEpoch()
    assertThat('all have gone', this.#leaving.length === 0 && this.#node.shares === 0n)
  }
}

function assertThat(what: string, isTrue: boolean): void {
  if (!isTrue) throw new Error(`not so: ${what}`)
}

/** @param exact - in `UNIT`. */
function isWithin(real: bigint, exact: bigint, bound: bigint): boolean {
  const off = real * UNIT - exact
  return (off < 0n ? -off : off) <= bound * UNIT
}

/** Of each seed: what roundings may have moved of rewards, in millionths of what was earned. */
const slacks: bigint[] = []

test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))(
  'each delegator gets his part and no other, whatever is slashed when, seed %i',
  (seed) => {
    const world = new World(seed)
    const acts = [
      () => world.delegate(),
      () => world.delegate(),
      () => world.undelegate(),
      () => world.undelegate(),
      () => world.reward(),
      () => world.reward(),
      () => world.setCommission(),
      () => world.addStake(),
    ]
    for (let i = 0; i < ACTS; i++) {
      const chance = world.random.below(24)
      if (chance === 0) world.passEpoch()
      else if (chance < 4) world.slash()
      else world.random.pick(acts)()
    }
    world.end()
    for (const { paid, earned } of world.people) expect([paid, isWithin(paid, earned, world.slack)]).toEqual([paid, true])
    expect(sum(world.people.map(({ paid }) => paid)) <= world.setAside).toBe(true)
    slacks.push((world.slack * PPM) / (world.setAside + 1n))
  },
)

// A slash may leave a pool of a few µ, in which one µ is much. In most seeds it is under a thousandth: there the comparison is sharp.
afterAll(() => {
  const sharp = slacks.filter((slack) => slack < 1_000n).length
  assertThat('most seeds are sharp', slacks.length < SEEDS_THAT_TELL || 2 * sharp > slacks.length)
})
