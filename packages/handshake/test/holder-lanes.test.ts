/** What the owner of a session makes of what holders tell. */
import { describe, expect, test } from 'vitest'
import type { HolderReport } from '../src/holder-lanes.ts'
import type { EpochFrame } from '../src/paying.ts'
import { A, acceptBody, createHolders, epochOf, laneReport, openBody, SERVICE, SigningPayer, TOKEN } from './holders.ts'

const epochAt = (...lanes: { lane: number; offset: bigint }[]): EpochFrame => epochOf(6n, ...lanes)
const without = (report: HolderReport, key: string): unknown => Object.fromEntries(Object.entries(report).filter(([name]) => name !== key))

function told(reports: readonly (HolderReport | EpochFrame)[], bytesMax?: number): unknown[] {
  const payer = new SigningPayer()
  const holders = createHolders(payer, bytesMax)
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
    createHolders(payer).take({ type: 'lane', ...A, token: TOKEN, lane: 57_345, openBody: open, acceptBody })
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

  test('that more of it is wrong, before it is over; where an EPOCH is waited for, with the rest', () => {
    const refused = (epoch: bigint, lane = 8_193): HolderReport => ({ type: 'refused', holder: 'a', epoch, lane })
    const over: HolderReport = { type: 'over', ...A, lane: 8_193, offset: 90n, how: 'reset-by-client' }
    const now = [laneReport(8_193), refused(5n), over]
    const late = [laneReport(8_193), { ...over, epoch: 6n }, refused(6n), epochAt()]
    for (const reports of [now, late])
      expect(told(reports).slice(1)).toEqual([
        ['refuse', 8_193],
        ['laneOver', 8_193, 90n, 'reset-by-client'],
      ])
    expect(told([laneReport(8_193), { ...refused(5n), holder: 'b' } as HolderReport, refused(5n, 8_194)]).slice(1)).toEqual([])
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

  test('and a lane of which nothing was told before that EPOCH is over too, where its holder is gone', () => {
    const reports = [laneReport(8_193, at(6n)), verified(at(6n), 5n), laneReport(8_194, at(6n)), { type: 'gone', holder: 'a' } as const]
    expect(told(reports)).toEqual([])
    expect(told([...reports, epochAt()])).toEqual([
      ['lane', 8_193, 3, 0n],
      ['verified', 8_193, 5n],
      ['laneOver', 8_193, 5n, 'reset-by-node'],
      ['lane', 8_194, 3, 0n],
      ['laneOver', 8_194, 0n, 'reset-by-node'],
    ])
    const ended = [laneReport(8_193, at(6n)), over(at(6n)), { type: 'gone', holder: 'a' } as const, epochAt()]
    expect(told(ended).at(-1)).toEqual(['laneOver', 8_193, 90n, 'ended'])
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
  ['a lane of a token that nobody asked for', laneReport(8_193, A, '8'.repeat(32))],
  ['bodies that are none', { type: 'lane', ...A, token: TOKEN, lane: 8_193, openBody: new Uint8Array(3), acceptBody }],
  ['an answer that is none', { type: 'lane', ...A, token: TOKEN, lane: 8_193, openBody, acceptBody: new Uint8Array(7) }],
  ['an offset below its start', { type: 'verified', ...A, lane: 8_193, offset: -1n }],
  ['an offset that no lane has', { type: 'over', ...A, lane: 8_193, offset: 2n ** 60n, how: 'ended' }],
])('%s is no report', (_, report) => {
  expect(() => createHolders().take(report)).toThrow(expect.objectContaining({ code: 'HANDSHAKE_BAD_ARGUMENT' }))
})

test('a report is looked at before it is believed: none with a field of another type is told to the payer', () => {
  const junk = [
    undefined,
    null,
    1.5,
    Number.NaN,
    -1,
    -1n,
    2n ** 70n,
    '8193',
    'holder',
    [],
    {},
    () => 1,
    Symbol('lane'),
    'x'.repeat(2 ** 10),
  ]
  const reports: HolderReport[] = [
    laneReport(8_193),
    { type: 'verified', ...A, lane: 8_193, offset: 40n },
    { type: 'refused', ...A, lane: 8_193 },
    { type: 'over', ...A, lane: 8_193, offset: 90n, how: 'ended' },
  ]
  const refused: unknown[] = []
  const taken: unknown[] = []
  const offer = (report: unknown): void => {
    const payer = new SigningPayer()
    const holders = createHolders(payer)
    holders.take(laneReport(8_193))
    try {
      holders.take(report as HolderReport)
      taken.push(report)
    } catch (error) {
      refused.push((error as { readonly code?: unknown }).code)
    }
    holders.epoch(epochOf(2n ** 64n - 1n))
    for (const { name, args } of payer.told) if (name === 'laneOver' || name === 'verified') expect(typeof args[1]).toBe('bigint')
  }
  for (const report of [
    ...junk,
    ...reports.flatMap((each) =>
      Object.keys(each).flatMap((key) => [without(each, key), ...junk.map((value) => ({ ...each, [key]: value }))]),
    ),
  ])
    offer(report)
  expect(new Set(refused)).toEqual(new Set(['HANDSHAKE_BAD_ARGUMENT']))
  expect(refused.length).toBeGreaterThan(200)
  for (const report of taken) expect(report).toMatchObject({ epoch: expect.any(BigInt), lane: 8_193, holder: expect.any(String) })
})

describe('a holder is believed as far as its token goes', () => {
  const verified = (lane: number, offset: bigint): HolderReport => ({ type: 'verified', ...A, lane, offset })
  const over = (lane: number, offset: bigint, how: 'ended' | 'reset-by-client'): HolderReport => ({ type: 'over', ...A, lane, offset, how })

  test('on all its lanes together, whatever it tells', () => {
    const reports = [laneReport(8_193), laneReport(8_194), verified(8_193, 70n), verified(8_194, 50n), verified(8_193, 2n ** 50n)]
    expect(told([...reports, over(8_193, 2n ** 50n, 'ended'), verified(8_194, 60n)], 100).slice(2)).toEqual([
      ['verified', 8_193, 70n],
      ['verified', 8_194, 30n],
      ['laneOver', 8_193, 2n ** 50n, 'ended'],
    ])
  })

  test('a lane that its reader left, which is signed for unverified, ends there; what was refused costs nothing of it', () => {
    const left = [laneReport(8_193), verified(8_193, 40n), over(8_193, 2n ** 50n, 'reset-by-client'), verified(8_193, 2n ** 50n)]
    expect(told(left, 100).slice(1)).toEqual([
      ['verified', 8_193, 40n],
      ['laneOver', 8_193, 100n, 'reset-by-client'],
    ])
    const refused: HolderReport = { type: 'refused', ...A, lane: 8_193 }
    const reports = [laneReport(8_193), refused, over(8_193, 90n, 'reset-by-client'), laneReport(8_194), verified(8_194, 100n)]
    expect(told(reports, 100).at(-1)).toEqual(['verified', 8_194, 100n])
  })

  test('and no farther by a lane of another token, or by one whose number comes again', () => {
    const payer = new SigningPayer()
    const holders = createHolders(payer, 100)
    holders.allow('8'.repeat(32), { serviceId: SERVICE, bytesMax: 10 })
    for (const report of [laneReport(8_193), laneReport(16_385, A, '8'.repeat(32)), verified(16_385, 50n), verified(8_193, 90n)])
      holders.take(report)
    for (const report of [laneReport(8_193), verified(8_193, 90n)]) holders.take(report)
    expect(payer.toldOf('verified')).toEqual([
      [16_385, 10n],
      [8_193, 90n],
      [8_193, 10n],
    ])
  })

  test('the newest 1,024 tokens are known, and older ones that have a lane', () => {
    const holders = createHolders()
    holders.take(laneReport(8_193))
    const nameOf = (i: number): string => String(i).padStart(32, '0')
    for (let i = 0; i < 1_024; i++) holders.allow(nameOf(i), { serviceId: SERVICE, bytesMax: 10 })
    expect(() => holders.take(laneReport(8_194, A, nameOf(0)))).toThrow(expect.objectContaining({ code: 'HANDSHAKE_BAD_ARGUMENT' }))
    for (const token of [TOKEN, nameOf(1), nameOf(1_023)]) holders.take(laneReport(8_194, A, token))
  })
})
