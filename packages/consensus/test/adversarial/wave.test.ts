/**
 * Goal: for every DAG of one wave at n = 4, no two views decide its leader slot differently by themselves, and where one does, every anchor
 * decides the same. (Where none does the anchor is free to decide, and all views have the same anchor.)
 *
 * Method: the leader equivocates, with blocks A and B. Each of the four vote blocks names A, B or neither, and each block of the third
 * round names 3 or 4 of the vote blocks; the leader's third block may differ from view to view. What differs only in which honest author
 * said a word, or in which of two equal words was named, is alike to the rule and played once: 30 of 81 ways to vote. Of each DAG every
 * view with 3 or 4 third blocks is asked, by itself, and through an anchor that names just these, with the shipped rule. That is a proof
 * for the wave, but for a leader that votes differently in different views, which schedules draw.
 */
import { expect, test } from 'vitest'
import type { Vertex } from '../../src/dag/contract.ts'
import { createMysticetiRule } from '../../src/dag/mysticeti-rule.ts'
import { setupOf } from '../dag/drawing.ts'

type Word = 'A' | 'B' | 'neither'
type Verdict = 'A' | 'B' | 'skip' | 'undecided'

const WORDS: readonly Word[] = ['A', 'B', 'neither']
const AUTHORS = [0, 1, 2, 3]
const LEADER = createMysticetiRule(setupOf(4)).leaderOf(1)!
const HONEST = AUTHORS.filter((author) => author !== LEADER)
const QUORUMS = [AUTHORS, ...AUTHORS.map((left) => AUTHORS.filter((author) => author !== left))]

const empty = new Uint8Array(32)
const vertex = (round: number, author: number, key: string, parents: readonly Vertex[]): Vertex => {
  const own = parents.filter((parent) => parent.author === author)
  return { round, author, key, digest: empty, createdAtMs: 0, parents: [...own, ...parents.filter((parent) => parent.author !== author)] }
}
const genesis = AUTHORS.map((author) => vertex(0, author, `0.${author}`, []))
const starts = AUTHORS.map((author) => vertex(1, author, `1.${author}`, genesis))
const twin = vertex(1, LEADER, '1.twin', genesis)
const voter = (author: number, word: Word): Vertex => {
  const rest = starts.filter((start) => start.author !== LEADER)
  return vertex(2, author, `2.${author}`, word === 'A' ? starts : word === 'B' ? [...rest, twin] : rest)
}

/** What a rule that holds these blocks commits first, where that is the slot; a later leader first means that it was skipped. */
function verdictOf(blocks: readonly Vertex[]): Verdict {
  const rule = createMysticetiRule(setupOf(4))
  for (const block of [...starts, twin, ...blocks]) rule.insert(block)
  const [commit] = rule.tryCommit(1)
  if (rule.halted !== undefined) throw new Error('two certified blocks with one equivocator')
  if (commit === undefined) return 'undecided'
  if (commit.subDag.leader.round > 1) return 'skip'
  return commit.vertices[0] === twin ? 'B' : 'A'
}

/** Rounds 4 to 8 on top of a view: slots of rounds 4 to 6 are committed, and with them everything before is decided. */
function anchor(view: readonly Vertex[]): readonly Vertex[] {
  const rounds: Vertex[][] = [[...view]]
  for (let round = 4; round <= 8; round++) rounds.push(AUTHORS.map((author) => vertex(round, author, `${round}.${author}`, rounds.at(-1)!)))
  return rounds.slice(1).flat()
}

/** Every view of a DAG: all honest third blocks, or two or three of them with one of the leader's. */
function viewsOf(honest: readonly Vertex[], leaders: readonly Vertex[]): Vertex[][] {
  const parts = [[...honest], ...honest.map((left) => honest.filter((each) => each !== left))]
  return [[...honest], ...parts.flatMap((part) => leaders.map((own) => [...part, own]))]
}

/** All lists that take one of each of `options`. */
const choices = <T>(options: readonly (readonly T[])[]): T[][] => {
  return options.reduce<T[][]>((lists, next) => lists.flatMap((list) => next.map((each) => [...list, each])), [[]])
}

/** What `author` can say in the third round: 3 or 4 of the votes, one block for each selection of words. */
function thirdsOf(author: number, votes: readonly Vertex[], words: readonly Word[]): Vertex[] {
  const kinds = new Map(
    QUORUMS.map((quorum) => [
      quorum
        .map((by) => words[by]!)
        .toSorted((a, b) => a.localeCompare(b))
        .join(''),
      quorum,
    ]),
  )
  return [...kinds].map(([kind, quorum]) =>
    vertex(
      3,
      author,
      `3.${author}.${kind}`,
      quorum.map((by) => votes[by]!),
    ),
  )
}

/** By DAG with these words of the second round: the verdict that some view reaches by itself. */
function playWords(words: readonly Word[]): Verdict[] {
  const votes = AUTHORS.map((author) => voter(author, words[author]!))
  const thirds = AUTHORS.map((author) => thirdsOf(author, votes, words))
  const isBlamed = words.filter((word) => word === 'neither').length >= 3
  const known = new Map<string, readonly [Verdict, Verdict]>()
  const askedOf = (view: readonly Vertex[]): readonly [Verdict, Verdict] => {
    const name = view.map(({ key }) => key).join(' ')
    const verdicts = known.get(name) ?? [verdictOf([...votes, ...view]), verdictOf([...votes, ...view, ...anchor(view)])]
    known.set(name, verdicts)
    return verdicts
  }
  return choices(HONEST.map((author) => thirds[author]!)).map((honest) => {
    const asked = viewsOf(honest, thirds[LEADER]!).map(askedOf)
    const direct = new Set(asked.map(([alone]) => alone).filter((verdict) => verdict !== 'undecided'))
    if (isBlamed) direct.add('skip')
    const indirect = new Set(asked.map(([, later]) => later))
    const [verdict = 'undecided'] = direct
    const isAgreed = direct.size === 0 ? !indirect.has('undecided') : direct.size === 1 && indirect.size === 1 && indirect.has(verdict)
    if (!isAgreed) throw new Error(`${[...direct].join(' and ')}, but ${[...indirect].join(' and ')}: votes ${words.join(' ')}`)
    return verdict
  })
}

test.each(WORDS)('all views of a wave agree, for every DAG in which the leader votes for %s', (own) => {
  const patterns = choices([WORDS, WORDS, WORDS]).filter((said) => said.every((word, at) => at === 0 || said[at - 1]! <= word))
  const verdicts = patterns.flatMap((said) => playWords(AUTHORS.map((author) => (author === LEADER ? own : said[HONEST.indexOf(author)]!))))
  expect(patterns.length).toBe(10)
  expect(new Set(verdicts)).toEqual(new Set<Verdict>(['A', 'B', 'skip', 'undecided']))
})
