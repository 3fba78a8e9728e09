/**
 * When a member makes its next header or block (2.5, 2.16): what it waits for, for how long, and what it does when it is late.
 * Method: one real core among members that the test plays; what is asserted are the rounds it proposes and the instants at which it does.
 */
import { describe, expect, test } from 'vitest'
import { createBullsharkRule } from '../src/dag/bullshark-rule.ts'
import type { Mode, OrderSetup } from '../src/dag/contract.ts'
import { createMysticetiRule } from '../src/dag/mysticeti-rule.ts'
import type { Frame } from '../src/wire/frames.ts'
import type { Authority, SignedHeader } from '../src/wire/types.ts'
import { encodeSystemTransaction } from '../src/wire/system-transaction.ts'
import { LoneCore, type Named } from './support/lone-core.ts'

const SIZE = 7
const [QUORUM, VALIDITY] = [5, 3]
const CORE = { idleDelayMsMax: 1, roundDelayMsMin: 1, leaderTimeoutMsMin: 60, leaderTimeoutMsMax: 600 }
const RULES = { certified: createBullsharkRule, uncertified: createMysticetiRule }

/** Of the first schedule, which does not depend on who asks. */
function leaderOf(mode: Mode, round: number): Authority {
  const { setup, committee } = new LoneCore(mode, { size: SIZE, self: 0, core: CORE })
  const { chainId, epoch, genesisHash, beacon, previous } = setup
  const order: OrderSetup = { chainId, epoch, genesisHash, beacon, previous, stakes: committee.members.map(({ stake }) => stake) }
  const leader = RULES[mode](order).leaderOf(round)
  if (leader === undefined) throw new Error(`round ${round} has no leader`)
  return leader
}

const certified = (lone: LoneCore, signed: SignedHeader): readonly [Authority, Frame] => [
  signed.header.author,
  { type: 'certificate', certificate: lone.certificate(signed) },
]

/**
 * The own header of `round` is certified so long after it was made, and the certificates of the others, but for `without`, come in that
 * instant. @returns what the next round names.
 */
function playRound(lone: LoneCore, round: number, parents: readonly Named[], certifyMs: number, without?: Authority): Named[] {
  const own = lone.headerOf(round)
  const made = lone.others.filter((author) => author !== without).map((author) => lone.header(author, round, parents))
  lone.rest(certifyMs)
  lone.hear(...lone.others.slice(0, QUORUM - 1).map((voter) => [voter, { type: 'vote', vote: lone.vote(own, voter) }] as const))
  lone.hear(...made.map((signed) => certified(lone, signed)))
  return [...made, own].map((signed) => lone.nameOf(signed))
}

describe('an even round is left without its leader after twice what certificates take, 95 of 100 of them', () => {
  /** @returns how long it waits in `round`, of whose certificates the leader's is not there. */
  function waitOf(round: number, certifyMsOf: (round: number) => number): number {
    const lone = new LoneCore('certified', { size: SIZE, self: leaderOf('certified', 6), core: CORE })
    let parents = lone.genesis()
    for (let at = 1; at < round; at++) parents = playRound(lone, at, parents, certifyMsOf(at))
    playRound(lone, round, parents, certifyMsOf(round), leaderOf('certified', round))
    expect(lone.hasProposed(round + 1)).toBe(false)
    return lone.tickUntil(() => lone.hasProposed(round + 1), 2_000)
  }

  test.each([
    ['twice', 50, 100],
    ['the least that the options allow', 10, 60],
    ['the most that they allow', 400, 600],
  ])('%s, where they take %i ms', (_, certifyMs, waitMs) => {
    expect(waitOf(2, () => certifyMs)).toBe(waitMs)
  })

  test('one of 22 that took long changes nothing, two of 22 do', () => {
    expect(waitOf(22, (round) => (round === 7 ? 150 : 50))).toBe(100)
    expect(waitOf(22, (round) => (round === 7 || round === 12 ? 150 : 50))).toBe(300)
  })

  test('at once when the leader comes', () => {
    const leader = leaderOf('certified', 2)
    const lone = new LoneCore('certified', { size: SIZE, self: leaderOf('certified', 6), core: CORE })
    const first = playRound(lone, 1, lone.genesis(), 50)
    playRound(lone, 2, first, 50, leader)
    lone.rest(20)
    lone.step({ type: 'tick' })
    expect(lone.hasProposed(3)).toBe(false)
    lone.hear(certified(lone, lone.header(leader, 2, first)))
    expect(lone.proposals.at(-1)).toMatchObject({ round: 3, atMs: lone.nowMs })
  })
})

describe('an odd round is left', () => {
  /** Every certificate of rounds 1 and 2 is there, and header 3 is made. */
  function atRoundThree(self: Authority): { readonly lone: LoneCore; readonly parents: readonly Named[] } {
    const lone = new LoneCore('certified', { size: SIZE, self, core: CORE })
    let parents = lone.genesis()
    for (const round of [1, 2]) parents = playRound(lone, round, parents, 10)
    expect(lone.proposals.map(({ round }) => round)).toEqual([1, 2, 3])
    lone.rest(10)
    return { lone, parents }
  }

  /** Of round 3: so many that name the leader of round 2, and so many that do not; one after the other. */
  function hearRoundThree({ lone, parents }: ReturnType<typeof atRoundThree>, withCount: number, withoutCount: number): void {
    const leader = leaderOf('certified', 2)
    for (const [i, author] of lone.others.slice(0, withCount + withoutCount).entries()) {
      const named = i < withCount ? parents : parents.filter((parent) => parent.author !== leader)
      lone.hear(certified(lone, lone.header(author, 3, named)))
    }
  }

  test.each([
    [VALIDITY, QUORUM - VALIDITY, 'at once: the leader can be committed'],
    [VALIDITY - 1, QUORUM - VALIDITY + 1, 'when its time is over: that is still open'],
    [0, QUORUM, 'at once: it cannot any more'],
    [1, QUORUM - 1, 'when its time is over: it still can'],
    [1, QUORUM, 'at once: it cannot any more'],
  ])('with %i certificates that name the leader before and %i that do not, %s', (withCount, withoutCount, when) => {
    const state = atRoundThree(leaderOf('certified', 6))
    hearRoundThree(state, withCount, withoutCount)
    const { lone } = state
    const isAtOnce = when.startsWith('at once')
    expect(lone.hasProposed(4)).toBe(isAtOnce)
    if (!isAtOnce) expect(lone.tickUntil(() => lone.hasProposed(4), 2_000)).toBe(CORE.leaderTimeoutMsMin)
  })

  test('at once by whoever leads the next', () => {
    const state = atRoundThree(leaderOf('certified', 4))
    hearRoundThree(state, VALIDITY - 1, QUORUM - VALIDITY + 1)
    expect(state.lone.hasProposed(4)).toBe(true)
  })
})

describe.each<Mode>(['certified', 'uncertified'])('a late member, %s', (mode) => {
  /** It has proposed round 1 and hears nothing until all others have made `rounds` of them; then everything in one step. */
  function late(rounds: number): LoneCore {
    const lone = new LoneCore(mode, { size: SIZE, self: leaderOf(mode, mode === 'certified' ? 14 : 8), core: CORE })
    const heard: (readonly [Authority, Frame])[] = []
    let parents = lone.genesis()
    for (let round = 1; round <= rounds; round++) {
      const named: Named[] = []
      for (const author of lone.others) {
        if (mode === 'certified') {
          const signed = lone.header(author, round, parents)
          heard.push(certified(lone, signed))
          named.push(lone.nameOf(signed))
        } else {
          const ancestors = parents.toSorted((a, b) => Number(b.author === author) - Number(a.author === author))
          const block = lone.block(author, round, ancestors)
          heard.push([author, { type: 'block', block }])
          named.push(lone.nameOfBlock(block))
        }
      }
      parents = named
    }
    lone.step({ type: 'systemTransaction', bytes: encodeSystemTransaction({ kind: 'readyToClose', epoch: lone.setup.epoch }) })
    expect(lone.proposals.map(({ round }) => round)).toEqual([1])
    lone.rest(100)
    lone.hear(...heard)
    if (!lone.hasProposed(rounds + 1)) lone.tickUntil(() => lone.hasProposed(rounds + 1), 1) // the shortest rest between two
    return lone
  }

  test.each([1, 2, 3, 4])('makes the %i rounds that it missed, in sequence and at once', (missed) => {
    const { proposals } = late(missed + 1)
    expect(proposals.map(({ round }) => round)).toEqual(Array.from({ length: missed + 2 }, (_, i) => i + 1))
    expect(proposals.slice(1, -1).map(({ atMs }) => atMs)).toEqual(new Array(missed).fill(100))
    const carrying = proposals.filter(({ systemTransactions }) => systemTransactions.length > 0)
    expect(carrying).toHaveLength(1)
    if (mode === 'certified') expect(carrying).toEqual(proposals.slice(-1)) // what was missed comes late, and may be orphaned: it carries nothing
  })

  test.each([5, 6])('jumps over the %i rounds that it missed', (missed) => {
    expect(late(missed + 1).proposals.map(({ round }) => round)).toEqual([1, missed + 2])
  })
})
