/** A long run goes on where it was: its row is read back, and a row of anything else is not. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { addTo, createTally, formatRow, parseRow, readRow, runModes, runSoak, type Soak, writeRow } from './support/soak.ts'
import { sourceDigestOf, sourcesOf } from './support/source-digest.ts'

const directory = mkdtempSync(join(tmpdir(), 'soak-'))
afterAll(() => rmSync(directory, { recursive: true }))
const page = pathToFileURL(join(directory, 'SOAK.md'))
const SOAK: Soak = {
  mark: 'a',
  name: 'Rule',
  first: 5,
  sources: '0123456789ab',
  count: 7,
  reportEvery: 2,
  isWritten: true,
  play: (tally, seed) => addTo(tally, 1, { 'votes for both': seed, crashes: 1 }),
}

function begin(): void {
  writeFileSync(page, 'before\n<!-- a -->\n\n<!-- /a -->\n<!-- b -->\nkept\n<!-- /b -->\n')
}

const progressOf = (soak: Soak): ReturnType<typeof parseRow> => parseRow(readRow(page, 'a'), soak)

test('a run that was ended goes on after its last seed, and its row adds up', async () => {
  begin()
  await runSoak(page, { ...SOAK, count: 3 })
  expect(progressOf(SOAK).tally).toEqual({ schedules: 3, broken: 0, commits: 3, counts: { 'votes for both': 18, crashes: 3 } })
  const seeds: number[] = []
  const play: Soak['play'] = (tally, seed) => {
    seeds.push(seed)
    SOAK.play(tally, seed)
  }
  await runSoak(page, { ...SOAK, play })
  expect(seeds).toEqual([8, 9, 10, 11])
  expect(progressOf(SOAK).tally).toEqual({ schedules: 7, broken: 0, commits: 7, counts: { 'votes for both': 56, crashes: 7 } })
  expect(readFileSync(page, 'utf8')).toMatch(
    /^before\n<!-- a -->\n\| Rule \| 5 to 11 \| 7 \| .*\|\n<!-- \/a -->\n<!-- b -->\nkept\n<!-- \/b -->\n$/,
  )
})

test('time ends a run between two schedules, and both modes have theirs', async () => {
  writeFileSync(page, '<!-- certified -->\n\n<!-- /certified -->\n<!-- uncertified -->\n\n<!-- /uncertified -->\n')
  const soakOf = (mode: string): Soak => ({ ...SOAK, mark: mode, name: mode })
  await runModes(['--minutes=0'], page, soakOf)
  for (const mark of ['certified', 'uncertified']) expect(readRow(page, mark)).toContain(`| ${mark} | 5 to 4 | 0 |`)
  await runModes(['uncertified'], page, soakOf)
  expect(readRow(page, 'certified')).toContain('| 5 to 4 | 0 |')
  expect(readRow(page, 'uncertified')).toContain('| 5 to 11 | 7 |')
  await runModes([], page, soakOf)
  expect(readRow(page, 'certified')).toContain('| 5 to 11 | 7 |')
})

test('what a kill leaves is the last report', async () => {
  begin()
  const play: Soak['play'] = (tally, seed) => {
    if (seed === 8) expect(progressOf(SOAK).tally.schedules).toBe(2)
    SOAK.play(tally, seed)
  }
  await runSoak(page, { ...SOAK, play })
  expect(progressOf(SOAK).tally.schedules).toBe(7)
})

test('a schedule that breaks ends the run and stands in the row', async () => {
  begin()
  const play: Soak['play'] = (tally, seed) => {
    SOAK.play(tally, seed)
    if (seed < 7) return
    tally.broken += 1
    throw new Error('I1: forked')
  }
  await expect(runSoak(page, { ...SOAK, play })).rejects.toThrow('I1: forked')
  expect(progressOf(SOAK).tally).toMatchObject({ schedules: 3, broken: 1 })
})

test.each<[string, Partial<Soak>]>([
  ['other sources', { sources: 'ba9876543210' }],
  ['another first seed', { first: 6 }],
  ['another rule', { name: 'Other' }],
])('%s begin anew', (_, other) => {
  const progress = { tally: createTally(), seconds: 12 }
  addTo(progress.tally, 4, { crashes: 2 })
  const row = formatRow(SOAK, progress)
  expect(parseRow(row, SOAK)).toEqual(progress)
  expect(parseRow(row, { ...SOAK, ...other })).toEqual({ tally: createTally(), seconds: 0 })
  expect(parseRow('', SOAK)).toEqual({ tally: createTally(), seconds: 0 })
})

test('a row is put between its own marks and nowhere else', () => {
  begin()
  writeRow(page, 'b', '| x |')
  expect(readFileSync(page, 'utf8')).toBe('before\n<!-- a -->\n\n<!-- /a -->\n<!-- b -->\n| x |\n<!-- /b -->\n')
})

test('a digest is of code: of everything that is loaded, and of no comment', () => {
  const entry = pathToFileURL(join(directory, 'entry.ts'))
  const digestOf = (source: string, imported: string): string => {
    writeFileSync(entry, source)
    writeFileSync(join(directory, 'imported.ts'), imported)
    return sourceDigestOf(entry)
  }
  const source = "import { one } from './imported.ts'\nexport const two = one + one\n"
  const first = digestOf(source, 'export const one = 1\n')
  expect(digestOf(`/** Twice. */\n${source}`, '// once\nexport const one = 1\n')).toBe(first)
  expect(digestOf(source, 'export const one = 2\n')).not.toBe(first)
  expect(digestOf(source.replace('+', '*'), 'export const one = 1\n')).not.toBe(first)
  expect(digestOf(source.replace('import {', 'import type {'), 'export const one = 1\n')).not.toBe(first)
  expect(sourcesOf([entry])).toHaveLength(1) // types are not loaded
})

test('what the soak of the rules loads is the rules, their scheduler and their invariants', () => {
  const names = sourcesOf([new URL('adversarial/hunt.ts', import.meta.url)]).map((path) => path.split('/packages/')[1])
  for (const dag of ['ballots', 'bullshark-rule', 'dag-store', 'leader-schedule', 'linearizer', 'mysticeti-rule', 'reputation']) {
    expect(names).toContain(`consensus/src/dag/${dag}.ts`)
  }
  for (const name of ['consensus/test/adversarial/referee.ts', 'consensus/test/adversarial/liars.ts', 'simulator/src/adversarial.ts']) {
    expect(names).toContain(name)
  }
})
