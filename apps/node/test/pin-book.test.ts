// Goal: what is kept, for whom and how long, is what was paid and what there is room for, whatever is ordered, paid, given up and restarted.
// Method: the real book on a real folder, with an epoch that the test says; and seeded runs against an obvious list of the same rules.
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { PinBook, type PinBookOptions, type PinOrder } from '../src/pins/pin-book.ts'
import { scratchFolder } from './harness.ts'
import { randomOf } from './seeded.ts'

const ALICE = new Uint8Array(20).fill(0xa1)
const BOB = new Uint8Array(20).fill(0xb0)
const rootOf = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)
const MIB = 2 ** 20

interface World {
  epoch: bigint
  readonly errors: unknown[]
  readonly folder: string
  book: PinBook
  open(): Promise<PinBook>
}

async function worldOf(options: Partial<PinBookOptions> = {}): Promise<World> {
  const folder = join(await scratchFolder(), 'pins')
  const errors: unknown[] = []
  const world: World = {
    epoch: 5n,
    errors,
    folder,
    book: undefined as never,
    async open() {
      world.book = await PinBook.open({ folder, epoch: () => world.epoch, onError: (error) => errors.push(error), ...options })
      return world.book
    },
  }
  await world.open()
  onTestFinished(() => world.book.stop())
  return world
}

/** Until a payment is on disk. */
async function settled({ book }: World, account: Uint8Array, root: Uint8Array): Promise<void> {
  await expect.poll(() => book.stateOf(account, root, MIB), { interval: 5, timeout: 30_000 }).toBe('held')
}

test('an order that is paid keeps the content to the end of the next epoch, for its account and no other', async () => {
  const world = await worldOf()
  const order = world.book.order(ALICE, rootOf(1), MIB)!
  expect(world.book.stateOf(ALICE, rootOf(1), MIB)).toBe('free')
  order.pay(5n)
  expect([world.book.isKept(rootOf(1)), world.book.stateOf(ALICE, rootOf(1), MIB)]).toEqual([true, 'free']) // it is not on disk yet
  await settled(world, ALICE, rootOf(1))
  expect(world.book.stateOf(BOB, rootOf(1), MIB)).toBe('free')
  expect(world.book.isKept(rootOf(1))).toBe(true)
  expect(world.book.isKept(rootOf(2))).toBe(false)
  expect(world.book.counts).toEqual({ pins: 1, own: 0, pinnedBytes: MIB })
  world.epoch = 6n
  expect(world.book.stateOf(ALICE, rootOf(1), MIB)).toBe('held')
  world.epoch = 7n
  expect(world.book.stateOf(ALICE, rootOf(1), MIB)).toBe('free')
  expect(world.book.isKept(rootOf(1))).toBe(false)
  expect(world.book.counts).toEqual({ pins: 0, own: 0, pinnedBytes: 0 })
})

test('whoever pays in each epoch goes on, and paying twice in one epoch is paying once', async () => {
  const world = await worldOf()
  for (world.epoch = 5n; world.epoch < 9n; world.epoch++) {
    for (let i = 0; i < 2; i++) world.book.order(ALICE, rootOf(1), MIB)!.pay(world.epoch)
    expect(world.book.isKept(rootOf(1))).toBe(true)
    expect(world.book.counts).toEqual({ pins: 1, own: 0, pinnedBytes: MIB })
  }
  world.epoch = 10n
  expect(world.book.isKept(rootOf(1))).toBe(false)
})

test('what is paid after its time keeps nothing: an acknowledgement of an epoch that is two back', async () => {
  const world = await worldOf()
  const late = world.book.order(ALICE, rootOf(1), MIB)!
  world.epoch = 6n
  const other = world.book.order(BOB, rootOf(2), MIB)!
  late.pay(5n) // in the grace of the epoch that closed
  expect(world.book.isKept(rootOf(1))).toBe(true)
  world.epoch = 7n
  other.pay(5n)
  expect(world.book.isKept(rootOf(2))).toBe(false)
  expect(world.book.isKept(rootOf(1))).toBe(false)
})

test('an order holds the content until it is paid or given up, and no longer than to the end of the next epoch', async () => {
  const world = await worldOf()
  const [first, second] = [world.book.order(ALICE, rootOf(1), MIB)!, world.book.order(ALICE, rootOf(1), MIB)!]
  expect(world.book.isKept(rootOf(1))).toBe(true)
  first.release()
  first.release()
  expect(world.book.isKept(rootOf(1))).toBe(true)
  second.release()
  expect(world.book.isKept(rootOf(1))).toBe(false)
  const forgotten = world.book.order(ALICE, rootOf(1), MIB)!
  world.epoch = 6n
  expect(world.book.isKept(rootOf(1))).toBe(true)
  world.epoch = 7n
  expect(world.book.isKept(rootOf(1))).toBe(false)
  forgotten.pay(7n) // its place is somebody else's by now
  expect(world.book.isKept(rootOf(1))).toBe(false)
  expect(world.book.counts).toEqual({ pins: 0, own: 0, pinnedBytes: 0 })
})

test('room is bounded in bytes, in pins and in pins an account, orders included; who pays already may go on', async () => {
  const world = await worldOf({ pinnedBytesMax: 10 * MIB, pinsMax: 4, pinsPerAccountMax: 2, placeBytes: 0 })
  const { book } = world
  const big = book.order(ALICE, rootOf(1), 8 * MIB)!
  expect(book.stateOf(ALICE, rootOf(2), 3 * MIB)).toBe('full')
  expect(book.order(ALICE, rootOf(2), 3 * MIB)).toBeUndefined()
  expect(book.stateOf(BOB, rootOf(1), 8 * MIB)).toBe('free') // the same content takes no more room
  const small = book.order(ALICE, rootOf(3), 2 * MIB)!
  expect(book.stateOf(ALICE, rootOf(4), 0)).toBe('full') // a third of one account
  expect(book.order(BOB, rootOf(1), 8 * MIB)).toBeDefined()
  expect(book.order(BOB, rootOf(3), 2 * MIB)).toBeDefined()
  expect(book.order(new Uint8Array(20).fill(3), rootOf(1), 8 * MIB)).toBeUndefined() // a fifth in all
  big.pay(5n)
  small.pay(5n)
  await settled(world, ALICE, rootOf(1))
  expect(book.stateOf(ALICE, rootOf(1), 8 * MIB)).toBe('held')
  expect(book.order(ALICE, rootOf(1), 8 * MIB)).toBeDefined() // it is paid for already
})

/** Of a content of 1,000 bytes its order brings as many. Of 16 places with `placeBytes` 1 MiB, one costs (taken / 8)² MiB. */
const SMALL = 1_000

test('a place costs bytes that its account pays for in the epoch, and the more the more are taken, whoever comes', async () => {
  const { book } = await worldOf({ placeBytes: MIB, pinsMax: 16 })
  expect(book.order(ALICE, rootOf(0), SMALL)).toBeDefined() // none is taken
  for (const account of [ALICE, BOB])
    expect([book.stateOf(account, rootOf(1), SMALL), book.order(account, rootOf(1), SMALL)]).toEqual(['full', undefined])
  book.paid(ALICE, 5n, MIB / 64 - SMALL - 1)
  expect(book.order(ALICE, rootOf(1), SMALL)).toBeUndefined()
  book.paid(ALICE, 5n, 1)
  expect(book.stateOf(ALICE, rootOf(1), SMALL)).toBe('free')
  expect(book.order(ALICE, rootOf(1), SMALL)).toBeDefined() // with its own 1,000
  expect(book.order(BOB, rootOf(2), SMALL)).toBeUndefined() // what somebody else has paid for is his
  book.paid(ALICE, 5n, MIB / 16 - 1)
  expect(book.order(ALICE, rootOf(2), SMALL)).toBeUndefined() // the place before keeps its price, and this one has another
  book.paid(ALICE, 5n, 1)
  const third = book.order(ALICE, rootOf(2), SMALL)!
  expect(book.order(ALICE, rootOf(2), SMALL)).toBeDefined() // it has that place, whose price does not rise
  expect(book.order(ALICE, rootOf(3), SMALL)).toBeUndefined()
  third.release()
  expect(book.order(ALICE, rootOf(3), SMALL)).toBeUndefined() // the other order for it has it still
  expect(book.order(BOB, rootOf(3), 33 * MIB)).toBeDefined() // a thirty-second part of it is above (3 / 8)² MiB
})

test('an order that comes to nothing takes its price back, and what is paid in another epoch buys nothing in this one', async () => {
  const world = await worldOf({ placeBytes: MIB, pinsMax: 16 })
  const { book } = world
  expect(book.order(BOB, rootOf(0), SMALL)).toBeDefined()
  book.paid(ALICE, 4n, MIB)
  expect(book.order(ALICE, rootOf(1), SMALL)).toBeUndefined()
  book.paid(ALICE, 5n, MIB / 64)
  const order = book.order(ALICE, rootOf(1), SMALL)!
  order.release()
  order.release()
  expect(book.order(ALICE, rootOf(2), SMALL)).toBeDefined()
  expect(book.order(ALICE, rootOf(3), SMALL)).toBeUndefined()
  world.epoch = 6n
  book.paid(ALICE, 5n, MIB) // in the grace of the epoch that closed
  expect(book.order(ALICE, rootOf(3), SMALL)).toBeUndefined()
  book.paid(ALICE, 6n, MIB)
  expect(book.order(ALICE, rootOf(3), SMALL)).toBeDefined()
})

test.each([1, 32, 512])('half of the places at once cost %i accounts a sixth of all at the price there', async (accounts) => {
  const pinsMax = 1_024
  const step = 16_384
  const { book } = await worldOf({ pinsMax })
  const accountOf = (i: number): Uint8Array => new Uint8Array(20).fill(i % accounts, 0, 1).fill((i % accounts) >> 8, 1, 2)
  const contentOf = (i: number): Uint8Array => new Uint8Array(32).fill(i, 0, 1).fill(i >> 8, 1, 2)
  let paid = 0
  for (let i = 0; i < pinsMax / 2; i++)
    for (; book.order(accountOf(i), contentOf(i), SMALL) === undefined; paid += step) book.paid(accountOf(i), 5n, step)
  const whole = (pinsMax * 4 * MIB) / 6
  expect(paid).toBeGreaterThan(0.99 * whole)
  expect(paid).toBeLessThan(1.02 * whole)
})

test('orders of one account for one content have one place, until the last of them is over', async () => {
  const { book } = await worldOf({ pinsMax: 3, pinsPerAccountMax: 1, placeBytes: 0 })
  const [first, second, third] = Array.from({ length: 3 }, () => book.order(ALICE, rootOf(1), MIB)!)
  expect(book.order(ALICE, rootOf(2), MIB)).toBeUndefined() // its one place is taken
  expect([book.order(BOB, rootOf(2), 64 * MIB) !== undefined, book.counts.pinnedBytes]).toEqual([true, 65 * MIB])
  first!.release()
  second!.release()
  expect([book.isKept(rootOf(1)), book.order(ALICE, rootOf(3), MIB)]).toEqual([true, undefined])
  third!.release()
  expect([book.isKept(rootOf(1)), book.counts.pinnedBytes]).toEqual([false, 64 * MIB])
  expect(book.order(ALICE, rootOf(3), MIB)).toBeDefined()
})

test('whoever pays more takes what others do not go on with, at the end of its time and not before', async () => {
  const world = await worldOf({ placeBytes: MIB, pinsMax: 16 })
  const { book } = world
  const crowd = new Uint8Array(20).fill(0xcc)
  const ownOf = (account: Uint8Array): Uint8Array => rootOf(account === ALICE ? 1 : 2)
  book.paid(BOB, 5n, MIB)
  for (const account of [ALICE, BOB]) book.order(account, ownOf(account), SMALL)!.pay(5n)
  book.paid(crowd, 5n, 64 * MIB)
  for (let i = 0; i < 14; i++) book.order(crowd, rootOf(100 + i), SMALL)!.pay(5n)
  await settled(world, crowd, rootOf(113))
  expect(book.order(crowd, rootOf(120), SMALL)).toBeUndefined() // there is none left, at any price
  world.epoch = 6n
  book.paid(crowd, 6n, 64 * MIB)
  expect(book.order(crowd, rootOf(120), SMALL)).toBeUndefined()
  for (const account of [ALICE, BOB]) book.paid(account, 6n, 4 * MIB - SMALL - 1) // sixteen are taken: (16 / 8)² MiB
  for (const account of [ALICE, BOB]) {
    expect([book.stateOf(account, ownOf(account), SMALL), book.order(account, ownOf(account), SMALL)]).toEqual(['full', undefined])
    expect(book.isKept(ownOf(account))).toBe(true) // it was paid for
  }
  book.paid(BOB, 6n, 1)
  book.order(BOB, ownOf(BOB), SMALL)!.pay(6n)
  world.epoch = 7n
  expect([ALICE, BOB].map((account) => book.isKept(ownOf(account)))).toEqual([false, true])
  book.paid(crowd, 7n, MIB)
  expect(book.order(crowd, rootOf(120), SMALL)).toBeDefined()
})

test("what the operator put in stays for good, takes no account's room, and is there after a restart, as what is paid is", async () => {
  const world = await worldOf({ pinnedBytesMax: MIB })
  await Promise.all([world.book.keepOwn(rootOf(9), 100 * MIB), world.book.keepOwn(rootOf(9), 100 * MIB)])
  world.book.order(ALICE, rootOf(1), MIB)!.pay(5n)
  await settled(world, ALICE, rootOf(1))
  await world.book.stop()
  const again = await world.open()
  expect(again.counts).toEqual({ pins: 1, own: 1, pinnedBytes: MIB })
  expect(again.stateOf(ALICE, rootOf(1), MIB)).toBe('held')
  world.epoch = 1_000n
  expect([again.isKept(rootOf(1)), again.isKept(rootOf(9))]).toEqual([false, true])
  await again.stop()
  expect((await world.open()).isKept(rootOf(9))).toBe(true)
})

test('a node that does not know its epoch yet lets nothing go', async () => {
  const world = await worldOf()
  world.book.order(ALICE, rootOf(1), MIB)!.pay(5n)
  await settled(world, ALICE, rootOf(1))
  await world.book.stop()
  world.epoch = 0n
  expect((await world.open()).isKept(rootOf(1))).toBe(true)
  world.epoch = 6n
  expect(world.book.isKept(rootOf(1))).toBe(true)
  world.epoch = 0n // its books are shut for a moment
  expect(world.book.isKept(rootOf(1))).toBe(true)
  world.epoch = 7n
  expect(world.book.isKept(rootOf(1))).toBe(false)
})

test('a book that takes nothing more on disk takes no orders, and what it keeps goes on to its end', async () => {
  const world = await worldOf()
  world.book.order(ALICE, rootOf(1), MIB)!.pay(5n)
  await settled(world, ALICE, rootOf(1))
  const open = world.book.order(BOB, rootOf(2), MIB)!
  await world.book.stop()
  expect(world.book.order(ALICE, rootOf(1), MIB)).toBeUndefined()
  expect(world.book.stateOf(ALICE, rootOf(3), MIB)).toBe('full')
  expect(world.book.isKept(rootOf(1))).toBe(true)
  open.pay(5n)
  await expect.poll(() => world.errors.length, { interval: 5, timeout: 30_000 }).toBe(1)
  expect(world.errors).toMatchObject([{ code: 'NODE_PIN_FILE' }])
})

const FIRST = Number(process.env['SEED'] ?? 1)
const COUNT = Number(process.env['RUNS'] ?? 20)

test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))(
  'what is kept is what a list of all orders and payments says, seed %i',
  async (seed) => {
    const random = randomOf(seed)
    const [contents, pinnedBytesMax] = [6, 9]
    const world = await worldOf({ pinnedBytesMax, pinsMax: 8, pinsPerAccountMax: 5, placeBytes: 0 })
    const accounts = [ALICE, BOB, new Uint8Array(20).fill(3)]
    interface Entry {
      readonly account: number
      readonly root: number
      readonly made: bigint
      paid: bigint | undefined
      isOver: boolean
      readonly order: PinOrder
    }
    let entries: Entry[] = []
    const living = (): Entry[] =>
      entries.filter(({ isOver, paid, made }) => (paid === undefined ? !isOver && made + 1n >= world.epoch : paid + 1n >= world.epoch))
    const places = (): Entry[] => {
      const paid = new Map<string, Entry>()
      const orders = new Map<string, Entry>()
      for (const entry of living()) (entry.paid === undefined ? orders : paid).set(`${entry.account} ${entry.root}`, entry)
      return [...paid.values(), ...orders.values()]
    }
    for (let step = 0; step < 300; step++) {
      const [account, root] = [random(3), 1 + random(contents)]
      const choice = random(10)
      if (choice < 5) {
        const taken = places()
        const hasPlace = taken.some((entry) => entry.account === account && entry.root === root)
        const bytes = [...new Set(taken.map((entry) => entry.root))].reduce((sum, each) => sum + each, 0)
        const more = taken.some((entry) => entry.root === root) ? 0 : root
        const mine = taken.filter((entry) => entry.account === account).length
        const hasRoom = hasPlace || (bytes + more <= pinnedBytesMax && taken.length < 8 && mine < 5)
        const order = world.book.order(accounts[account]!, rootOf(root), root)
        expect(order !== undefined).toBe(hasRoom)
        if (order !== undefined) entries.push({ account, root, made: world.epoch, paid: undefined, isOver: false, order })
      } else if (choice < 9) {
        const open = living().filter(({ paid }) => paid === undefined)
        const entry = open[random(Math.max(1, open.length))]
        if (entry === undefined) continue
        if (random(10) < 3) {
          entry.isOver = true
          entry.order.release()
        } else {
          entry.paid = entry.made
          entry.order.pay(entry.made)
        }
      } else world.epoch++
      entries = living()
      const kept = new Set(entries.map((entry) => entry.root))
      for (let each = 1; each <= contents; each++) expect(world.book.isKept(rootOf(each))).toBe(kept.has(each))
      expect(world.book.counts.pinnedBytes).toBe([...kept].reduce((sum, each) => sum + each, 0))
      expect(world.book.counts.pinnedBytes).toBeLessThanOrEqual(pinnedBytesMax)
    }
    expect(world.errors).toEqual([])
  },
)
