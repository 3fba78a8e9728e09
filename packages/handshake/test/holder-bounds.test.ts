// Goal: the holder of one token harms no other by what he tells: what no holder of it can have seen, or too much, ends what is believed of that token, and of no other.
import { expect, test } from 'vitest'
import { HOLDER_LANES_MAX, JOINED_LANES_MAX } from '../src/constants.ts'
import { encodeOpen } from '../src/frames.ts'
import type { HolderLanes, HolderReport } from '../src/holder-lanes.ts'
import { A, createHolders, epochOf, laneReport, SERVICE, SigningPayer, TOKEN } from './holders.ts'

const refused = expect.objectContaining({ code: 'HANDSHAKE_BAD_ARGUMENT' })
const OTHER = '8'.repeat(32)
const B: typeof A = { holder: 'b', epoch: 5n }
const at = (epoch: bigint, from = A): typeof A => ({ ...from, epoch })
const verified = (lane: number, offset: bigint, from = A): HolderReport => ({ type: 'verified', ...from, lane, offset })
const tellsOf = ({ told: all }: SigningPayer): unknown[] =>
  all.map(({ name, args }) => [name, ...args.filter((arg) => typeof arg !== 'object')])

/** Two holders with a token each; both have a lane, and the first has verified 40 bytes of his. */
function world(): { readonly holders: HolderLanes; readonly payer: SigningPayer; tells(): unknown[] } {
  const payer = new SigningPayer()
  const holders = createHolders(payer)
  holders.allow(OTHER, { serviceId: SERVICE, bytesMax: 1_000 })
  for (const report of [laneReport(8_193), laneReport(16_385, B, OTHER), verified(8_193, 40n)]) holders.take(report)
  const before = payer.told.length
  return { holders, payer, tells: () => tellsOf(payer).slice(before) }
}

const over = ['laneOver', 8_193, 40n, 'reset-by-node']
/** Nothing more of the first holder is believed, and all of the second. */
function expectOthersOnly({ holders, tells }: ReturnType<typeof world>): void {
  expect(tells()).toEqual([over])
  for (const report of [
    verified(8_193, 90n),
    verified(8_193, 90n, at(6n)),
    { type: 'over', ...A, lane: 8_193, offset: 90n, how: 'ended' } as const,
  ])
    holders.take(report) // what was under way
  expect(() => holders.take(laneReport(8_200))).toThrow(refused)
  expect(() => holders.take(laneReport(8_200, { holder: 'c', epoch: 5n }))).toThrow(refused)
  expect(holders.isAllowed(TOKEN)).toBe(true) // a node that gives it again is still found out
  for (const report of [verified(16_385, 30n, B), laneReport(16_386, B, OTHER), verified(16_386, 20n, B)]) holders.take(report)
  expect(tells()).toEqual([over, ['verified', 16_385, 30n], ['lane', 16_386, SERVICE, 0n], ['verified', 16_386, 20n]])
}

test('a lane of another service than its token’s: the payer, who may not know it, is not told', () => {
  const about = world()
  const wrong = { ...laneReport(8_194), openBody: encodeOpen({ serviceId: SERVICE + 1, initialCredit: 9, metadata: new Uint8Array() }) }
  expect(() => about.holders.take(wrong as HolderReport)).toThrow(refused)
  expectOthersOnly(about)
})

test('an epoch that cannot have come yet: nothing of it waits', () => {
  const about = world()
  expect(() => about.holders.take(laneReport(8_194, at(22n)))).toThrow(refused)
  for (let i = 0; i < JOINED_LANES_MAX; i++) expect(() => about.holders.take(laneReport(8_200 + i, at(2n ** 63n)))).toThrow(refused)
  expectOthersOnly(about)
  about.holders.take(laneReport(16_387, at(21n, B), OTHER)) // a session that is away is sixteen behind at most
  about.holders.epoch(epochOf(21n))
  expect(about.tells().at(-1)).toEqual(['lane', 16_387, SERVICE, 0n])
})

test('more lanes than two connections have, told or waiting', () => {
  for (const epoch of [5n, 6n]) {
    const about = world()
    for (let i = 1; i < HOLDER_LANES_MAX; i++) about.holders.take(laneReport(8_193 + i, at(epoch)))
    const told = about.tells().length
    expect(told).toBe(epoch === 5n ? HOLDER_LANES_MAX - 1 : 0)
    about.holders.take(laneReport(8_194, at(epoch))) // whose number it is anyway
    expect(() => about.holders.take(laneReport(9_000, at(epoch)))).toThrow(refused)
    about.holders.epoch(epochOf(6n)) // what waited went with its token
    const tells = about.tells() as [string, number, ...unknown[]][]
    expect(tells.filter(([name]) => name === 'lane')).toHaveLength(epoch === 5n ? HOLDER_LANES_MAX : 0)
    expect(tells.filter(([name]) => name === 'laneOver').map(([, lane]) => lane)).toHaveLength(epoch === 5n ? HOLDER_LANES_MAX + 1 : 1)
    about.holders.take(verified(16_385, 30n, B))
    expect(about.tells().at(-1)).toEqual(['verified', 16_385, 30n])
  }
})

test('more lanes of which something waits, though each of them is over', () => {
  const ended = (lane: number): HolderReport => ({ type: 'over', ...A, lane, offset: 1n, how: 'ended' })
  for (const isToldFirst of [true, false]) {
    const { holders, tells } = world()
    const waiting: HolderReport[] = []
    for (let i = 1; i <= HOLDER_LANES_MAX; i++) {
      const waits = verified(8_193 + i, 1n, at(6n))
      if (i === HOLDER_LANES_MAX && !isToldFirst) expect(() => holders.take(laneReport(8_193 + i))).toThrow(refused)
      else for (const report of [laneReport(8_193 + i), ended(8_193 + i)]) holders.take(report)
      if (isToldFirst) waiting.push(waits)
      else holders.take(waits)
    }
    for (const report of waiting.slice(0, -1)) for (let k = 0; k < 2; k++) holders.take(report) // the same lane once more is none more
    if (isToldFirst) expect(() => holders.take(waiting.at(-1)!)).toThrow(refused)
    holders.take(verified(16_385, 30n, B))
    holders.epoch(epochOf(6n))
    expect(tells().filter((tell) => (tell as readonly unknown[])[0] === 'verified')).toEqual([['verified', 16_385, 30n]])
    expect(tells()).toContainEqual(over)
  }
})

test('what one says of a lane of another holder is passed over, and costs that one nothing', () => {
  const { holders, tells } = world()
  for (const epoch of [5n, 6n, 2n ** 63n]) {
    holders.take(verified(8_193, 90n, at(epoch, B)))
    holders.take({ type: 'over', ...at(epoch, B), lane: 8_193, offset: 1n, how: 'ended' })
  }
  holders.epoch(epochOf(6n))
  holders.take(verified(8_193, 60n))
  expect(tells()).toEqual([['verified', 8_193, 60n]])
})

test('what is told of lanes that nobody told of does not wait either', () => {
  const about = world()
  for (let i = 0; i < 2 * JOINED_LANES_MAX; i++) about.holders.take(verified(8_200 + i, 1n, at(6n)))
  for (let i = 0; i < 2 * JOINED_LANES_MAX; i++) about.holders.take(verified(8_193, 1n, { holder: `x${i}`, epoch: 6n }))
  about.holders.take(laneReport(16_386, at(6n, B), OTHER))
  about.holders.epoch(epochOf(6n))
  expect(about.tells()).toEqual([['lane', 16_386, SERVICE, 0n]])
})

test('where all together have 256, the token that has most of them makes room; lanes that are over count for nothing', () => {
  const { holders, payer } = world()
  const nameOf = (i: number): string => String(i).padStart(32, '0')
  for (let i = 0; i < 4; i++) holders.allow(nameOf(i), { serviceId: SERVICE, bytesMax: 10 })
  const from = (i: number): typeof A => ({ holder: `h${i}`, epoch: 5n })
  // 254, and the two that there were.
  for (let i = 0; i < 4; i++)
    for (let k = 0; k < HOLDER_LANES_MAX - (i < 2 ? 0 : 1); k++) holders.take(laneReport(8_192 * (i + 3) + 1 + k, from(i), nameOf(i)))
  const before = payer.told.length
  holders.take(laneReport(16_386, B, OTHER))
  const tells = tellsOf(payer).slice(before) as [string, number, ...unknown[]][]
  expect(tells.filter(([name]) => name === 'laneOver').map(([, lane]) => lane >> 13)).toEqual(
    Array.from({ length: HOLDER_LANES_MAX }, () => 3),
  )
  expect(tells.at(-1)).toEqual(['lane', 16_386, SERVICE, 0n])
  for (let k = 0; k < 300; k++) {
    holders.take(laneReport(16_400 + k, B, OTHER))
    holders.take({ type: 'over', ...B, lane: 16_400 + k, offset: 0n, how: 'ended' })
  }
  holders.take(verified(16_386, 5n, B))
  expect(tellsOf(payer).at(-1)).toEqual(['verified', 16_386, 5n])
})

test('those that wait and are over count with all others, and the token that has most of them makes room', () => {
  const { holders, tells } = world()
  const nameOf = (i: number): string => String(i).padStart(32, '0')
  for (let i = 0; i < 4; i++) {
    holders.allow(nameOf(i), { serviceId: SERVICE, bytesMax: 1_000 })
    const from = { holder: `h${i}`, epoch: 5n }
    for (let k = 0; k < HOLDER_LANES_MAX - (i < 2 ? 0 : 1); k++) {
      const lane = 8_192 * (i + 3) + 1 + k
      holders.take(laneReport(lane, from, nameOf(i)))
      holders.take({ type: 'over', ...from, lane, offset: 1n, how: 'ended' })
      holders.take(verified(lane, 1n, at(6n, from)))
    }
  }
  holders.take(laneReport(16_386, B, OTHER))
  holders.epoch(epochOf(6n))
  const said = tells() as [string, number][]
  expect(new Set(said.filter(([name]) => name === 'verified').map(([, lane]) => lane >> 13))).toEqual(new Set([4, 5, 6]))
  expect(said).toContainEqual(['lane', 16_386, SERVICE, 0n])
})
