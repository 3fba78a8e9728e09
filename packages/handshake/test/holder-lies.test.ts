// Goal: what a holder who lies costs, and whom. An honest node loses a window and one unit, and the account the session and no money, for what was refused is not
// claimed. Where holder and node are one, the account loses what the token allows.
// Method: real cores, the real books and the real payer; one holder reads and tells the truth, another one reads and says what he likes. What the node can claim
// is set against what was sent, in bytes and in µUSD.
import { expect, test, vi } from 'vitest'
import { tokenNameOf } from '../src/access-token.ts'
import type { Effect } from '../src/effects.ts'
import { encodeAccept, encodeOpen } from '../src/frames.ts'
import type { HolderReport } from '../src/holder-lanes.ts'
import { JoinedRun } from './joined-run.ts'
import { type SessionRun, World } from './paying-world.ts'
import { createRandom } from './random.ts'

type LaneReport = Extract<HolderReport, { type: 'lane' }>

const KIB = 1_024
const WINDOW = 256 * KIB
const UNIT = 16 * KIB
const HONEST_BYTES = 4 * UNIT
const MICRO_USD_A_BYTE = 10n
const units = (count: number): number[] => new Array<number>(count).fill(UNIT)
const OTHER_ANSWER = encodeAccept({ initialCredit: 0, metadata: Uint8Array.of(9) })

function ownerOf(world: World): SessionRun {
  world.open(0)
  return world.sessions[0]!
}

function tokenOf(owner: SessionRun, bytesMax: number): Uint8Array {
  let token: Uint8Array | undefined
  owner.client.wishes.sharing!.ask({ serviceId: 0, ttlSeconds: 600, scope: 'read', bytesMax }, (bytes) => {
    token = bytes
  })
  owner.carry()
  return token!
}

const holdersOf = (owner: SessionRun): { take(report: HolderReport): void } => owner.client.wishes.sharing!.holders

/** The node answers as much as its window lets it, and nobody says that it came. */
function bring(joined: JoinedRun): void {
  for (let i = 0; i < 50; i++) {
    joined.send(2 ** 20)
    for (const end of ['node', 'client'] as const) joined.deliver(end)
  }
}

/** The first thing that he has to tell, which reaches nobody. */
function toldBy(joined: JoinedRun, owner: SessionRun): LaneReport {
  const take = vi.spyOn(holdersOf(owner), 'take').mockImplementation(() => {})
  joined.tell(1)
  const [report] = take.mock.calls[0]!
  take.mockRestore()
  if (report.type !== 'lane') throw new Error(`it told ${report.type}`)
  return report
}

function verified({ holder, epoch }: LaneReport, lane: number, offset: bigint): HolderReport {
  return { type: 'verified', holder, epoch, lane, offset }
}

/** Of a lane of which 256 KiB came. */
const LIES: readonly [string, (told: LaneReport, honestLane: number) => HolderReport[]][] = [
  ['bodies that are not the node’s', (told) => [{ ...told, acceptBody: OTHER_ANSWER }, verified(told, told.lane, 70_000n)]],
  ['more bytes than were sent', (told) => [told, verified(told, told.lane, 2n ** 40n)]],
  ['a lane of another holder', (told, lane) => [{ ...told, lane }, verified(told, lane, 70_000n)]],
  ['a lane that there is not', (told) => [{ ...told, lane: 57_345 }, verified(told, 57_345, 70_000n)]],
]

test.each(LIES)('%s: 12, the account pays what was true, and the node loses a window and a unit at most', async (_, lie) => {
  const world = new World(createRandom(1))
  const owner = ownerOf(world)
  const honest = new JoinedRun(world, owner, tokenOf(owner, 2 ** 40))
  honest.openLane(units(4))
  for (let i = 0; i < 4; i++) {
    honest.carry()
    owner.carry()
  }
  expect([honest.isDone, owner.payer.cost.bytes]).toEqual([true, BigInt(HONEST_BYTES)])
  const liar = new JoinedRun(world, owner, tokenOf(owner, 2 ** 40))
  liar.openLane(units(40))
  bring(liar)
  const told = toldBy(liar, owner)
  for (const report of lie(told, [...honest.lanes.keys()][0]!)) holdersOf(owner).take(report)
  owner.carry()
  const codes = owner.endings.flatMap((ending: Effect) => (ending.type === 'over' && ending.why === 'payment' ? [ending.code] : []))
  expect(codes).toEqual([12])
  const lost = liar.sentBytes
  expect(lost).toBeGreaterThan(BigInt(WINDOW - UNIT))
  expect(lost).toBeLessThanOrEqual(BigInt(WINDOW + UNIT))
  expect(honest.sentBytes).toBe(BigInt(HONEST_BYTES))
  expect(await world.claimable()).toEqual({ bytes: BigInt(HONEST_BYTES), microUsd: MICRO_USD_A_BYTE * BigInt(HONEST_BYTES) })
})

const openBody = encodeOpen({ serviceId: 0, initialCredit: 9, metadata: Uint8Array.of(1) })

test('a holder of a token and a node that refuses nothing have an owner sign for what the token allows, and for no byte more', () => {
  const owner = ownerOf(new World(createRandom(2)))
  const bytesMax = 1_000_003
  const token = tokenNameOf(tokenOf(owner, bytesMax))
  for (let i = 0; i < 50; i++) {
    const from = { holder: 'a', epoch: 5n, lane: 8_193 + i }
    holdersOf(owner).take({ type: 'lane', ...from, token, openBody, acceptBody: OTHER_ANSWER })
    holdersOf(owner).take({ type: 'verified', ...from, offset: i < 10 ? 70_000n : 2n ** 40n })
  }
  owner.payer.flush()
  expect(owner.payer.cost).toEqual({ bytes: BigInt(bytesMax), microUsd: MICRO_USD_A_BYTE * BigInt(bytesMax) })
})

test.each(Array.from({ length: 20 }, (_, i) => 1 + i))('what holders of two tokens tell costs what both allow at most, seed %i', (seed) => {
  const random = createRandom(seed)
  const owner = ownerOf(new World(random))
  const allowed = [1 + random.below(3_000_000), 1 + random.below(300_000)]
  const tokens = allowed.map((bytesMax) => tokenNameOf(tokenOf(owner, bytesMax)))
  const most = BigInt(allowed[0]! + allowed[1]!)
  for (let i = 0; i < 300; i++) {
    const lane = 8_192 * (1 + random.below(7)) + 1 + random.below(9)
    const from = { holder: random.pick(['a', 'b']), epoch: random.pick([5n, 5n, 5n, 6n]), lane }
    const offset = BigInt(random.pick([1, 70_000, 2 ** 21, 2 ** 40]))
    const choice = random.below(5)
    if (choice < 2) holdersOf(owner).take({ type: 'lane', ...from, token: random.pick(tokens), openBody, acceptBody: OTHER_ANSWER })
    else if (choice < 4) holdersOf(owner).take({ type: 'verified', ...from, offset })
    else holdersOf(owner).take({ type: 'over', ...from, offset, how: random.pick(['ended', 'reset-by-client', 'reset-by-node'] as const) })
    owner.payer.flush()
    const { bytes, microUsd } = owner.payer.cost
    expect(bytes <= most).toBe(true)
    expect(microUsd).toBe(MICRO_USD_A_BYTE * bytes)
  }
  expect(owner.payer.cost.bytes).toBeGreaterThan(0n)
})
