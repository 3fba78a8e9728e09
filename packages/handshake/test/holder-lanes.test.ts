/** What the owner of a session makes of what holders tell. */
import { describe, expect, test } from 'vitest'
import { encodeAccept, encodeOpen } from '../src/frames.ts'
import { HolderLanes, type HolderReport } from '../src/holder-lanes.ts'
import type { EpochFrame } from '../src/paying.ts'
import { TestPayer } from './paying.ts'

class SigningPayer extends TestPayer {
  verified(...args: [number, bigint]): void {
    this.told.push({ name: 'verified', args })
  }
}

const openBody = encodeOpen({ serviceId: 3, initialCredit: 9, metadata: Uint8Array.of(1) })
const acceptBody = encodeAccept({ initialCredit: 0, metadata: Uint8Array.of(2) })
const A: { readonly holder: string; readonly epoch: bigint } = { holder: 'a', epoch: 5n }
const laneReport = (lane: number, from = A): HolderReport => ({ type: 'lane', ...from, lane, openBody, acceptBody })
const epochAt = (...lanes: { lane: number; offset: bigint }[]): EpochFrame => epochOf(6n, ...lanes)
const epochOf = (epoch: bigint, ...lanes: { lane: number; offset: bigint }[]): EpochFrame => ({
  epoch,
  rand: new Uint8Array(16),
  priceVersion: 3,
  lanes,
})

function told(reports: readonly (HolderReport | EpochFrame)[]): unknown[] {
  const payer = new SigningPayer()
  const holders = new HolderLanes(payer, 5n)
  for (const report of reports) {
    if ('type' in report) holders.take(report)
    else holders.epoch(report)
  }
  return payer.told.map(({ name, args }) => [name, ...args.filter((arg) => typeof arg !== 'object')])
}

describe('the payer hears of a lane as if it were its own', () => {
  test('once each, in order: that it is, how far it is verified, that it is over', () => {
    const over: HolderReport = { type: 'over', ...A, lane: 8_193, offset: 90n, how: 'ended' }
    const verified = (offset: bigint): HolderReport => ({ type: 'verified', ...A, lane: 8_193, offset })
    expect(told([laneReport(8_193), verified(40n), verified(40n), verified(30n), over, over, verified(90n)])).toEqual([
      ['lane', 8_193, 3, 0n],
      ['verified', 8_193, 40n],
      ['laneOver', 8_193, 90n, 'ended'],
      ['verified', 8_193, 90n],
    ])
  })

  test('with the whole bodies, as copies', () => {
    const payer = new SigningPayer()
    const open = openBody.slice()
    new HolderLanes(payer, 5n).take({ type: 'lane', ...A, lane: 57_345, openBody: open, acceptBody })
    open.fill(0)
    expect(payer.toldOf('lane')).toEqual([[57_345, 3, openBody, acceptBody, 0n]])
  })

  test('one that went with its connection, or whose holder is gone, is given up where it was', () => {
    const over: HolderReport = { type: 'over', ...A, lane: 8_193, offset: 90n, how: 'session-over' }
    const verified: HolderReport = { type: 'verified', ...A, lane: 16_385, offset: 5n }
    const gone: HolderReport = { type: 'gone', holder: 'a' }
    expect(told([laneReport(8_193), laneReport(16_385), over, verified, gone, gone]).slice(2)).toEqual([
      ['laneOver', 8_193, 90n, 'reset-by-node'],
      ['verified', 16_385, 5n],
      ['laneOver', 16_385, 5n, 'reset-by-node'],
    ])
  })

  test('a number that comes again is another lane, and the one before is over', () => {
    expect(told([laneReport(8_193), { type: 'verified', ...A, lane: 8_193, offset: 7n }, laneReport(8_193)]).slice(2)).toEqual([
      ['laneOver', 8_193, 7n, 'reset-by-node'],
      ['lane', 8_193, 3, 0n],
    ])
  })

  test('nothing of a lane that nobody told of', () => {
    const over: HolderReport = { type: 'over', ...A, lane: 8_193, offset: 1n, how: 'ended' }
    expect(told([over, { type: 'verified', ...A, lane: 8_193, offset: 1n }, { type: 'gone', holder: 'a' }])).toEqual([])
  })
})

describe('a lane that is told late begins where the newest EPOCH says', () => {
  test('where nobody had told of it', () => {
    expect(told([epochAt({ lane: 8_193, offset: 500n }), laneReport(8_193), laneReport(8_194)])).toEqual([
      ['lane', 8_193, 3, 500n],
      ['lane', 8_194, 3, 0n],
    ])
  })

  test('and at its start where it was told in time, or EPOCH does not name it any more', () => {
    const known = [laneReport(8_193), epochAt({ lane: 8_193, offset: 500n }, { lane: 5, offset: 9n }), laneReport(8_193)]
    expect(told(known).at(-1)).toEqual(['lane', 8_193, 3, 0n])
    expect(told([epochAt({ lane: 8_193, offset: 500n }), epochAt(), laneReport(8_193)])).toEqual([['lane', 8_193, 3, 0n]])
  })

  test('one that was over before is not taken for it, and another one of its number is', () => {
    const over: HolderReport = { type: 'over', ...A, lane: 8_193, offset: 500n, how: 'ended' }
    expect(told([laneReport(8_193), over, epochAt({ lane: 8_193, offset: 500n }), laneReport(8_193)]).at(-1)).toEqual([
      'lane',
      8_193,
      3,
      0n,
    ])
    expect(told([laneReport(8_193), over, epochAt({ lane: 8_193, offset: 60n }), laneReport(8_193)]).at(-1)).toEqual([
      'lane',
      8_193,
      3,
      60n,
    ])
  })
})

describe('what came behind an EPOCH waits until the owner has it', () => {
  const at = (epoch: bigint, holder = 'a'): typeof A => ({ holder, epoch })
  const over = (from: typeof A): HolderReport => ({ type: 'over', ...from, lane: 8_193, offset: 90n, how: 'ended' })
  const verified = (from: typeof A, offset: bigint, lane = 8_193): HolderReport => ({ type: 'verified', ...from, lane, offset })

  test('and what came before it does not', () => {
    const behind = [verified(at(6n), 30n), verified(at(6n), 40n), laneReport(8_194, at(6n)), verified(at(6n), 2n, 8_194)]
    const reports = [laneReport(8_193), verified(A, 10n), ...behind]
    expect(told(reports)).toEqual([
      ['lane', 8_193, 3, 0n],
      ['verified', 8_193, 10n],
    ])
    expect(told([...reports, epochAt({ lane: 8_193, offset: 10n })]).slice(2)).toEqual([
      ['verified', 8_193, 40n],
      ['lane', 8_194, 3, 0n],
      ['verified', 8_194, 2n],
    ])
  })

  test('of that holder only, and until the last EPOCH that he has', () => {
    const lanes = [laneReport(8_193), laneReport(16_385, at(5n, 'b'))]
    const reports = [...lanes, verified(at(7n), 5n), over(at(6n)), verified(at(5n, 'b'), 6n, 16_385), epochOf(6n)]
    expect(told(reports).slice(2)).toEqual([['verified', 16_385, 6n]])
    expect(told([...reports, epochOf(7n)]).slice(3)).toEqual([
      ['verified', 8_193, 5n],
      ['laneOver', 8_193, 90n, 'ended'],
    ])
  })

  test('also where its holder is gone meanwhile', () => {
    const reports = [laneReport(8_193), laneReport(8_194), verified(at(6n), 5n), { type: 'gone', holder: 'a' } as const]
    expect(told(reports).slice(2)).toEqual([['laneOver', 8_194, 0n, 'reset-by-node']])
    expect(told([...reports, epochAt()]).slice(3)).toEqual([
      ['verified', 8_193, 5n],
      ['laneOver', 8_193, 5n, 'reset-by-node'],
    ])
  })

  test('an EPOCH that the owner has already makes nobody wait', () => {
    expect(told([epochAt(), laneReport(8_193, at(6n))])).toEqual([['lane', 8_193, 3, 0n]])
  })

  test('and what one holder tells late is not said of another one who has his numbers', () => {
    const late = [over(A), verified(A, 80n), { type: 'gone', holder: 'a' } as const]
    expect(told([laneReport(8_193), laneReport(8_193, at(5n, 'b')), ...late, verified(at(5n, 'b'), 7n)]).slice(2)).toEqual([
      ['lane', 8_193, 3, 0n],
      ['verified', 8_193, 7n],
    ])
  })
})

test.each<[string, HolderReport]>([
  ['a lane of connection 0', laneReport(5)],
  ['a reserved lane', laneReport(16_384)],
  ['a lane that is none', laneReport(8_193.5)],
  ['a lane beyond u16', laneReport(65_537)],
  ['bodies that are none', { type: 'lane', ...A, lane: 8_193, openBody: new Uint8Array(3), acceptBody }],
  ['an answer that is none', { type: 'lane', ...A, lane: 8_193, openBody, acceptBody: new Uint8Array(7) }],
  ['an offset below its start', { type: 'verified', ...A, lane: 8_193, offset: -1n }],
  ['an offset that no lane has', { type: 'over', ...A, lane: 8_193, offset: 2n ** 60n, how: 'ended' }],
])('%s is no report', (_, report) => {
  expect(() => new HolderLanes(new SigningPayer(), 5n).take(report)).toThrow(expect.objectContaining({ code: 'HANDSHAKE_BAD_ARGUMENT' }))
})

test('256 lanes are kept that are not over; of those that are, the oldest makes room', () => {
  const holders = new HolderLanes(new SigningPayer(), 5n)
  for (let i = 0; i < 256; i++) holders.take(laneReport(8_193 + i))
  expect(() => holders.take(laneReport(16_385))).toThrow(expect.objectContaining({ code: 'HANDSHAKE_BAD_ARGUMENT' }))
  holders.take({ type: 'over', ...A, lane: 8_200, offset: 0n, how: 'ended' })
  holders.take(laneReport(16_385))
  expect(() => holders.take(laneReport(16_386))).toThrow(expect.objectContaining({ code: 'HANDSHAKE_BAD_ARGUMENT' }))
})
