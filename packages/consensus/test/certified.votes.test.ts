/** When a vote is given, and until when one counts (2.4). Method: one real core among members that the test plays, with the clock of the test. */
import { expect, test } from 'vitest'
import type { SignedHeader } from '../src/wire/types.ts'
import { LoneCore, type Named } from './support/lone-core.ts'

const DRIFT_MS = 500
const WINDOW = 16
const CORE = { idleDelayMsMax: 1, roundDelayMsMin: 1, leaderTimeoutMsMin: 10, leaderTimeoutMsMax: 10 }

/** A header of member 1, made so long after this clock. */
function hearAhead(lone: LoneCore, aheadMs: number): SignedHeader {
  const signed = lone.header(1, 1, lone.genesis(), { createdAtMs: lone.unixMs + aheadMs })
  lone.hear([1, { type: 'header', header: signed }])
  return signed
}

const votesOf = (lone: LoneCore): number => lone.said.filter(({ to, frame }) => to === 1 && frame.type === 'vote').length

test.each([1, 300, DRIFT_MS])('a header that is %i ms ahead is voted for when its time comes, and not before', (aheadMs) => {
  const lone = new LoneCore('certified', { size: 4, self: 0, core: CORE })
  hearAhead(lone, aheadMs)
  expect(votesOf(lone)).toBe(0)
  expect(lone.core.gauges.waiting).toBe(1)
  expect(lone.tickUntil(() => votesOf(lone) > 0, 1_000)).toBe(aheadMs)
  lone.rest(1_000)
  lone.step({ type: 'tick' })
  expect([votesOf(lone), lone.core.gauges.waiting]).toEqual([1, 0])
})

test('one that is further ahead is dropped, and never voted for', () => {
  const lone = new LoneCore('certified', { size: 4, self: 0, core: CORE })
  hearAhead(lone, DRIFT_MS + 1)
  expect([lone.count('headerTooEarly'), lone.core.gauges.waiting]).toEqual([1, 0])
  for (let i = 0; i < 10; i++) {
    lone.rest(100)
    lone.step({ type: 'tick' })
  }
  expect(votesOf(lone)).toBe(0)
})

test('votes for the last 16 own headers count, those for older ones do not', () => {
  const lone = new LoneCore('certified', { size: 7, self: 0, core: CORE })
  const certifiedRounds = (): number[] =>
    lone.said.flatMap(({ frame }) =>
      frame.type === 'certificate' && frame.certificate.header.author === 0 ? [frame.certificate.header.round] : [],
    )
  let parents: Named[] = lone.genesis()
  for (let round = 1; round <= WINDOW; round++) {
    const made = lone.others.map((author) => lone.header(author, round, parents))
    lone.rest(5)
    lone.hear(...made.map((signed) => [signed.header.author, { type: 'certificate', certificate: lone.certificate(signed) }] as const))
    parents = made.map((signed) => lone.nameOf(signed))
    if (!lone.hasProposed(round + 1)) lone.tickUntil(() => lone.hasProposed(round + 1), 20) // it leads this round itself, and has no certificate
  }
  const voteFor = (round: number): void => {
    const own = lone.headerOf(round)
    for (const voter of lone.others.slice(0, 4)) lone.hear([voter, { type: 'vote', vote: lone.vote(own, voter) }])
  }
  voteFor(1)
  expect([certifiedRounds(), lone.count('voteUnknown')]).toEqual([[], 4])
  voteFor(2)
  expect([certifiedRounds(), lone.count('voteUnknown')]).toEqual([[2], 4])
})
