/** What the ledger's table says of long runs: only a record of today's sources meets a goal, and which one that is must not depend on its place. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { recordedTable } from '../bench/ledger/recorded-table.ts'
import { fuzzRow, schedulesRow } from '../bench/ledger/rows-recorded.ts'

const [TODAY, BEFORE] = ['0123456789ab', 'ba9876543210']

const soakRow = (name: string, schedules: number, broken: number, sources: string): string =>
  `| ${name} | 1 to ${schedules} | ${schedules} | ${broken} | 6620551 | crashes 661242, late 613813 | 2514 s | 24.21.0 | \`${sources}\` |`
const soakPage = (...rows: readonly string[]): string =>
  `# The rules\n\n| rule | seeds |\n|---|---|\n${rows.join('\n')}\n\n| certified core |\n`

test('a million schedules of each rule count where they are of today', () => {
  const [bullshark, mysticeti] = ['Bullshark', 'Mysticeti-C'].map((name) => soakRow(name, 1_000_000, 0, TODAY)) as [string, string]
  const met = schedulesRow(soakPage(bullshark, mysticeti), TODAY)
  expect([met.isMet, met.reached]).toEqual([true, 'Bullshark 1,000,000, 0 broken; Mysticeti-C 1,000,000, 0 broken'])
  const other = schedulesRow(soakPage(bullshark, soakRow('Mysticeti-C', 1_000_000, 0, BEFORE)), TODAY)
  expect([other.isMet, other.reached.endsWith(`on other sources than today's (${BEFORE}, not ${TODAY})`)]).toEqual([false, true])
  for (const bad of [soakRow('Mysticeti-C', 999_999, 0, TODAY), soakRow('Mysticeti-C', 1_000_000, 1, TODAY), '']) {
    expect(schedulesRow(soakPage(bullshark, bad), TODAY).isMet).toBe(false)
  }
  expect(schedulesRow('', TODAY).isMet).toBe(false)
})

interface Counts {
  readonly all?: string
  readonly edited?: string
  readonly accepted?: string
  readonly twice?: string
  readonly strangers?: string
  readonly truncated?: string
}

function fuzzTable(sources: string, counts: Counts = {}): string {
  const {
    all = '100,000,000',
    edited = '70,008,463',
    accepted = '21,609,583',
    twice = '0',
    strangers = '0',
    truncated = '22,743,382',
  } = counts
  const rows = [
    ['all', all],
    ['valid encodings with one to three edits', edited],
    ['accepted', accepted],
    ['accepted, but not the one encoding of the value', twice],
    ['threw anything but `ConsensusError`', strangers],
    ['CONSENSUS_DUPLICATE', '294,970'],
    ['CONSENSUS_TRUNCATED', truncated],
  ]
  const lines = rows.map(([what, count]) => `| ${what} | ${count} |`)
  return `## Sources \`${sources}\`\n\nMade by \`node\`.\n\n| what | inputs |\n| --- | ---: |\n${lines.join('\n')}\n\n`
}

test('of the tables of inputs the one of today counts, wherever it stands', () => {
  const old = fuzzTable(BEFORE, { accepted: '1,000,000' })
  for (const page of [fuzzTable(TODAY) + old, old + fuzzTable(TODAY)]) {
    const { isMet, reached } = fuzzRow(`# What it saw\n\n${page}`, TODAY)
    expect([isMet, reached]).toEqual([true, '100,000,000, 0 other errors, 0 of 21,609,583 accepted in another encoding'])
  }
  const { isMet, reached } = fuzzRow(fuzzTable(BEFORE), TODAY)
  expect([isMet, reached.endsWith(`on other sources than today's (${TODAY})`)]).toEqual([false, true])
  expect(fuzzRow('', TODAY).isMet).toBe(false)
})

test.each<readonly [string, Counts]>([
  ['too few inputs', { all: '99,999,999' }],
  ['less than half of them edits', { edited: '49,999,999' }],
  ['less than one of a hundred accepted', { accepted: '999,999' }],
  ['one that has two encodings', { twice: '1' }],
  ['one that threw something else', { strangers: '1' }],
  ['a code that was hardly met', { truncated: '999' }],
])('%s is missed', (_, counts) => {
  expect(fuzzRow(fuzzTable(TODAY, counts), TODAY).isMet).toBe(false)
})

test('each row is of the newest run that measured it, and that run is named by its command, commit and day', () => {
  const folder = mkdtempSync(join(tmpdir(), 'selvedge-rows-'))
  const file = join(folder, 'rows.jsonl')
  const lineOf = (commit: string, date: string, id: string, figures: object = {}): string => {
    const machine = { cpu: 'A', cores: 2, kernel: '6.1', runtime: 'node 24' }
    const times = { windowSeconds: 8, warmUpSeconds: 4, repeats: 1 }
    return `${JSON.stringify({ commit, date, machine, times, id, what: 'w', goal: 'g', reached: `by ${commit}`, isMet: true, figures })}\n`
  }
  const lines = [
    ...['G4', 'G6'].map((id) => lineOf('aaaaaaa', '2026-11-26T00:00:00Z', id)),
    lineOf('bbbbbbb', '2026-11-27T00:00:00Z', 'G4'),
  ]
  writeFileSync(file, lines.join(''))
  const table = recordedTable(file, ['G4', 'G6'])
  expect(table).toContain('| G4 | w | g | by bbbbbbb | met |')
  expect(table).not.toContain('| G4 | w | g | by aaaaaaa |')
  expect(table).toContain('- G4: `pnpm bench:ledger G4 --window 8 --warmup 4 --repeats 1` of bbbbbbb, on 2026-11-27; A, 2 cores')
  expect(table).toContain('- G6: `pnpm bench:ledger G4 G6 --window 8 --warmup 4 --repeats 1` of aaaaaaa, on 2026-11-26; A, 2 cores')
  expect(table).not.toContain('somebody else')
  writeFileSync(
    file,
    lineOf('ccccccc', '2026-11-28T00:00:00Z', 'G4', { runs: [{ foreign: { share: 0.01 } }, { foreign: { share: 0.06 } }] }),
  )
  expect(recordedTable(file, ['G4'])).toContain('; in G4 somebody else used more than 5 % of a core')
  rmSync(folder, { recursive: true })
})
