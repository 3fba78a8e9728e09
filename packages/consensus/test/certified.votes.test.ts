/** When a vote is given, until when one counts, and what is learnt of a slot that is past voting for (2.4, 2.13). Method: one real core among members that the test plays, with the clock of the test. */
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

test('of one author 64 headers wait, whatever for; of another as many', () => {
  const lone = new LoneCore('certified', { size: 4, self: 0, core: CORE })
  const unknown = (round: number): Named[] => lone.others.map((author) => ({ round, author, digest: new Uint8Array(32).fill(round) }))
  const hear = (author: number, header: SignedHeader): void => lone.hear([author, { type: 'header', header }])
  const ahead = { createdAtMs: lone.unixMs + DRIFT_MS }
  for (let round = 2; round < 65; round++) hear(1, lone.header(1, round, unknown(round)))
  hear(1, lone.header(1, 1, lone.genesis(), ahead))
  expect([lone.core.gauges.waiting, lone.count('headerParkedFull')]).toEqual([64, 0])
  hear(1, lone.header(1, 65, unknown(65)))
  hear(2, lone.header(2, 1, lone.genesis(), ahead))
  expect([lone.core.gauges.waiting, lone.count('headerParkedFull')]).toEqual([65, 1])
  expect(lone.tickUntil(() => votesOf(lone) > 0, 1_000)).toBe(DRIFT_MS)
  hear(1, lone.header(1, 65, unknown(65)))
  expect([lone.core.gauges.waiting, lone.count('headerParkedFull')]).toEqual([64, 1])
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

test('of the round above the last collected one nobody is voted for, since its parents cannot be seen; of the next one he is', () => {
  const lone = new LoneCore('certified', { size: 4, self: 0, core: { ...CORE, parameters: { gcDepth: 4 } } })
  const made = new Map<number, SignedHeader>()
  let parents: Named[] = lone.genesis()
  for (let round = 1; round <= 20; round++) {
    const headers = lone.others.map((author) => lone.header(author, round, parents))
    made.set(round, headers[0]!)
    lone.rest(5)
    lone.hear(...headers.map((signed) => [signed.header.author, { type: 'certificate', certificate: lone.certificate(signed) }] as const))
    parents = headers.map((signed) => lone.nameOf(signed))
    if (!lone.hasProposed(round + 1)) lone.tickUntil(() => lone.hasProposed(round + 1), 20)
  }
  const { gcRound } = lone.core.gauges
  expect(gcRound).toBeGreaterThan(4)
  hear(lone, made.get(gcRound + 1)!)
  expect([votesOf(lone), lone.count('headerOld')]).toEqual([0, 1])
  hear(lone, made.get(gcRound + 2)!)
  expect([votesOf(lone), lone.core.gauges.gcRound]).toEqual([1, gcRound])
  hear(lone, otherOf(lone, gcRound + 1, 1))
  expect([votesOf(lone), evidenceOf(lone)]).toEqual([1, [1]])
})

/** Member 1 has made headers of rounds 1 and 2, and both are voted for. */
function votedTwice(): { readonly lone: LoneCore; readonly first: SignedHeader } {
  const lone = new LoneCore('certified', { size: 4, self: 0, core: CORE })
  const made = lone.others.map((author) => lone.header(author, 1, lone.genesis()))
  lone.hear(...made.map((signed) => [signed.header.author, { type: 'header', header: signed }] as const))
  lone.hear(...made.map((signed) => [signed.header.author, { type: 'certificate', certificate: lone.certificate(signed) }] as const))
  const second = lone.header(
    1,
    2,
    made.map((signed) => lone.nameOf(signed)),
  )
  lone.hear([1, { type: 'header', header: second }])
  expect(votesOf(lone)).toBe(2)
  return { lone, first: made[0]! }
}

const otherOf = (lone: LoneCore, round: number, laterMs: number): SignedHeader =>
  lone.header(1, round, lone.genesis(), { createdAtMs: lone.unixMs + laterMs })
const hear = (lone: LoneCore, header: SignedHeader): void => lone.hear([1, { type: 'header', header }])
const unsigned = (signed: SignedHeader): SignedHeader => ({ ...signed, signature: new Uint8Array(64).fill(1) })
const evidenceOf = (lone: LoneCore): number[] =>
  lone.said.flatMap(({ frame }) => (frame.type === 'evidence' ? [frame.evidence.signer] : []))

test('a second header of a slot below the last vote is evidence too, and never voted for', () => {
  const { lone } = votedTwice()
  hear(lone, otherOf(lone, 1, 1))
  expect([evidenceOf(lone), votesOf(lone)]).toEqual([[1], 2])
  expect(lone.records.count('evidence')).toBe(1)
})

test('what is said again below the last vote is no evidence, nor is what its author did not sign', () => {
  const { lone, first } = votedTwice()
  hear(lone, first)
  expect(lone.count('headerBelowVote')).toBe(1)
  hear(lone, unsigned(otherOf(lone, 1, 1)))
  expect(lone.count('headerBadSignature')).toBe(1)
  expect([evidenceOf(lone), votesOf(lone)]).toEqual([[], 2])
})

test('below the last vote no signature is looked at of a header that is known, nor of anybody who is proven guilty', () => {
  const { lone, first } = votedTwice()
  hear(lone, unsigned(first))
  expect([lone.count('headerBelowVote'), lone.count('headerBadSignature')]).toEqual([1, 0])
  hear(lone, otherOf(lone, 1, 1))
  expect(evidenceOf(lone)).toEqual([1])
  hear(lone, unsigned(otherOf(lone, 1, 2)))
  expect([lone.count('headerBelowVote'), lone.count('headerBadSignature')]).toEqual([2, 0])
})

test('all certificates that are held when the epoch closes are durable in that step', () => {
  const lone = new LoneCore('certified', { size: 4, self: 0, core: CORE })
  const certified = (signed: SignedHeader) =>
    [signed.header.author, { type: 'certificate', certificate: lone.certificate(signed) }] as const
  const first = lone.others.map((author) => lone.header(author, 1, lone.genesis()))
  lone.hear(...first.map(certified))
  const names = first.map((signed) => lone.nameOf(signed))
  lone.hear(certified(lone.header(1, 2, names))) // no own header rests on any of them yet
  const held = lone.core.gauges.vertices
  expect([held, lone.records.count('certificate')]).toEqual([4, 0])
  lone.step({ type: 'executed', index: 1, isFinal: true, closedBy: undefined })
  expect(lone.records.count('certificate')).toBe(held)
})
