/**
 * A seeded schedule of one owner and those who join him, honest all of them, with the real books and the real payer: bytes, verifiers and what holders tell are late, readers
 * leave, epochs change at any moment, the owner says ticks in one schedule of three, the owner's channel breaks and he comes back, holders' cables are cut for good.
 *
 * Goal: nobody is in default and the session does not end by itself; each byte that the node sent, over whichever connection, is claimed or written off, and
 * what is written off is what went with a connection, or was late for its epoch; no more is claimed than was signed, nor signed than was sent.
 */
import { JoinedRun } from './joined-run.ts'
import { World } from './paying-world.ts'
import { createRandom, type Random } from './random.ts'

const HOLDERS_MAX = 12

interface Chances {
  readonly canCut: boolean
  readonly canDrop: boolean
  readonly canChange: boolean
}

function unitsOf(random: Random): number[] {
  const most = random.pick([300, 17_000, 70_000, 400_000])
  return Array.from({ length: 1 + random.below(20) }, () => 1 + random.below(most))
}

class Schedule {
  readonly world: World
  readonly joined: JoinedRun[] = []
  readonly #random: Random
  readonly #chances: Chances
  /** One for two holders each: a token takes no more places. */
  readonly #tokens: Uint8Array[] = []
  #carriedMs = 0

  constructor(random: Random, chances: Chances, seed: number) {
    this.#random = random
    this.#chances = chances
    this.world = new World(random, seed % 3 === 0, seed % 2 === 0)
    this.world.open(0)
    const ask = { serviceId: 0, ttlSeconds: 600, scope: 'read', bytesMax: 2 ** 40 } as const
    for (let i = 0; i < HOLDERS_MAX / 2; i++) this.owner.client.wishes.sharing!.ask(ask, (token) => this.#tokens.push(token))
  }

  get owner(): World['sessions'][number] {
    return this.world.sessions[0]!
  }

  step(): void {
    const { world, owner } = this
    const random = this.#random
    world.nowMs += random.below(8)
    this.#live()
    const choice = random.next()
    if (choice < 0.01) return this.#chances.canChange ? world.changeEpoch() : undefined
    if (choice < 0.04 && this.#tokens.length === HOLDERS_MAX / 2 && this.joined.length < HOLDERS_MAX)
      return void this.joined.push(new JoinedRun(world, owner, this.#tokens[this.joined.length >> 1]!))
    if (choice < 0.05 && this.#chances.canDrop) return owner.drop()
    if (choice < 0.07 && this.#chances.canDrop) return owner.comeBack()
    if (choice < 0.1 && owner.lanes.size < 4) return owner.openLane(unitsOf(random))
    if (choice < 0.3) return this.#stepOwner(choice)
    const open = this.joined.filter(({ isOpen }) => isOpen)
    if (open.length === 0) return
    this.#stepJoined(random.pick(open), random.next())
  }

  #stepOwner(choice: number): void {
    const { owner } = this
    if (choice < 0.17) return owner.send()
    if (choice < 0.25) return owner.deliver(this.#random.chance(0.5) ? 'node' : 'client')
    const lanes = [...owner.lanes.values()]
    if (lanes.length === 0) return
    const lane = this.#random.pick(lanes)
    owner.serve(lane)
    owner.verify(lane)
    owner.read(lane, 2 ** 20)
  }

  #stepJoined(joined: JoinedRun, choice: number): void {
    const random = this.#random
    if (choice < 0.02 && this.#chances.canCut) joined.cut()
    else if (choice < 0.1 && joined.lanes.size < 5) joined.openLane(unitsOf(random))
    else if (choice < 0.35) joined.send(1 + random.below(300_000))
    else if (choice < 0.7) joined.deliver(random.chance(0.5) ? 'node' : 'client')
    else if (choice < 0.85) joined.verify()
    else if (choice < 0.98) joined.tell(1 + random.below(4))
    else for (const lane of [...joined.lanes.values()].slice(0, 1)) joined.leaveLane(lane)
  }

  /** Nobody who is there is ever far behind. */
  #live(): void {
    const { world, owner } = this
    owner.live()
    if (world.nowMs - this.#carriedMs < 150) return
    this.#carriedMs = world.nowMs
    for (const joined of this.joined) joined.carry()
  }

  finish(): void {
    for (let round = 0; round < 20_000 && !this.isDone; round++) {
      this.world.nowMs += 1
      this.owner.live()
      this.owner.comeBack()
      for (const joined of this.joined) joined.carry()
      this.owner.carry()
      for (const lane of this.owner.lanes.values()) {
        this.owner.serve(lane)
        this.owner.verify(lane)
        this.owner.read(lane, 2 ** 20)
      }
    }
  }

  get isDone(): boolean {
    return this.owner.isDone && this.joined.every(({ isDone }) => isDone)
  }
}

/** @returns what is not as it should be: nothing. */
export async function playJoined(seed: number): Promise<string[]> {
  const random = createRandom(seed)
  const chances = { canCut: random.chance(0.5), canDrop: random.chance(0.5), canChange: random.chance(0.5) }
  const schedule = new Schedule(random, chances, seed)
  for (let i = 0; i < 800; i++) schedule.step()
  schedule.finish()
  const { world, owner, joined } = schedule
  const faults: string[] = []
  const hold = (name: string, isRight: boolean, ...seen: unknown[]): void => {
    if (!isRight) faults.push(`${name}: ${seen.map(String).join(', ')}`)
  }
  hold('all complete', schedule.isDone)
  hold('the session does not end by itself', owner.endings.length === 0, ...owner.endings.map((ending) => JSON.stringify(ending)))
  const codes = joined.map(({ code }) => code)
  const isRightCode = (code: number | undefined): boolean => code === undefined || code === 7 || (code === 0 && chances.canCut)
  hold('no connection ends by itself, but that no more are taken', codes.every(isRightCode), ...codes)
  const wasSentAway = joined.some(({ wasIn, code }) => wasIn && code === 7)
  hold('nobody who was in is sent away, but for what a cut connection took', !wasSentAway || chances.canCut, ...codes)
  for (const each of joined) each.carry()
  owner.close()
  const sent = joined.reduce((sum, { sentBytes }) => sum + sentBytes, owner.sentBytes)
  const signed = owner.payer.cost.bytes
  const { defaults, writtenOffBytes } = world.books.losses
  const { bytes } = await world.claimable()
  hold('none in default', defaults === 0, defaults)
  hold('nobody signs for more than was sent', signed <= sent, signed, sent)
  hold('no more is claimed than was signed', bytes <= signed, bytes, signed)
  hold('each byte is claimed or written off', bytes + writtenOffBytes === sent, bytes, writtenOffBytes, sent)
  if (!chances.canCut && !chances.canChange) hold('paid exactly', bytes === sent, bytes, sent)
  return faults
}
