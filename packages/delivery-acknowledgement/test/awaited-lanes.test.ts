/** Lanes of joined connections of which the owner hears after an EPOCH has named them: what he signs of the epoch that closes, and until when. */
import type { EpochFrame } from '@selvedge/delivery-acknowledgement/client'
import { expect, test } from 'vitest'
import { ACCEPT, OPEN, type PaidSession, payingSession } from './support/paying.ts'
import { EPOCH, PRICES, seedOf } from './support/world.ts'

const JOINED = 8_193
const STEP = 65_536n

interface Late extends PaidSession {
  readonly clock: { ms: number }
}

function begin(): Late {
  const clock = { ms: 1_000 }
  const session = payingSession(1, { nowMs: () => clock.ms })
  session.payer.lane(1, 0, OPEN, ACCEPT)
  return { ...session, clock }
}

const epochWith = (own: bigint): EpochFrame => ({
  epoch: EPOCH + 1n,
  rand: seedOf(78).slice(0, 16),
  priceVersion: PRICES.priceVersion,
  lanes: [
    { lane: 1, offset: own },
    { lane: JOINED, offset: 500n },
  ],
})
const seen = ({ acks }: PaidSession): unknown[] =>
  acks.map(({ acknowledgement: { epoch, seq, cumBytes, isFinal } }) => [epoch - EPOCH, seq, cumBytes, isFinal])

test('one that is told of soon has its bytes signed for in the epoch that they came in, which ends then', () => {
  const session = begin()
  session.payer.epoch(epochWith(0n))
  session.clock.ms += 499
  session.payer.lane(JOINED, 0, OPEN, ACCEPT, 500n)
  session.payer.verified(JOINED, 700n)
  session.payer.flush()
  expect(seen(session)).toEqual([
    [0n, 1, 500n, false],
    [0n, 2, 500n, true],
    [1n, 1, 200n, false],
  ])
})

test('the owner’s own lanes do not wait for it', () => {
  const session = begin()
  session.payer.verified(1, 1_000n)
  session.payer.epoch(epochWith(2_000n))
  session.payer.verified(1, 2_000n)
  expect(seen(session)).toEqual([[0n, 1, 2_000n, false]])
})

test('of one that is told of late, or never, nothing is signed there, nor that the epoch ends: the node takes no more of it', () => {
  for (const isTold of [true, false]) {
    const session = begin()
    session.payer.verified(1, STEP)
    session.payer.epoch(epochWith(STEP))
    session.clock.ms += 500
    if (isTold) session.payer.lane(JOINED, 0, OPEN, ACCEPT, 500n)
    session.payer.verified(JOINED, 700n)
    session.payer.verified(1, STEP + 10n)
    session.payer.finish()
    const bytes = isTold ? 210n : 10n
    expect([isTold, seen(session), session.left]).toEqual([
      isTold,
      [
        [0n, 1, STEP, false],
        [1n, 1, bytes, false],
        [1n, 2, bytes, true],
      ],
      [],
    ])
  }
})

test('the next epoch waits for its own', () => {
  const session = begin()
  session.payer.epoch(epochWith(0n))
  session.payer.epoch({ ...epochWith(0n), epoch: EPOCH + 2n, lanes: [] })
  session.payer.lane(JOINED, 0, OPEN, ACCEPT, 0n)
  session.payer.verified(JOINED, 700n)
  session.payer.flush()
  expect(seen(session)).toEqual([[2n, 1, 700n, false]])
})
