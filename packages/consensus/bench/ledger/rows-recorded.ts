/**
 * G7 and G11: what took nights, read from the records that those runs wrote, which count where they are of today's sources; the decoder's
 * speed is measured here.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RecordedSources } from '../recorded-sources.ts'
import { type Row, thousands } from './table.ts'

const BENCH = join(import.meta.dirname, '..')
const SCHEDULES_MIN = 1_000_000
const MUTANTS_MIN = 20
const INPUTS_MIN = 100_000_000
/** Of each code that a decoder refuses with, and of what it takes: less, and the inputs tried too little. */
const REFUSALS_MIN = 1_000
const ACCEPTED_SHARE_MIN = 0.01
const CERTIFICATES_PER_SECOND = 12_000
const CERTIFICATE_BENCH = 'decode a certificate of 512 votes'

export function recordedRows(ids: readonly string[]): Row[] {
  if (ids.length === 0) return []
  const { rules, wire } = sourcesToday()
  const soak = ids.includes('G7') ? [schedulesRow(pageOf('SOAK.md'), rules), mutantsRow()] : []
  return [...soak, ...(ids.includes('G11') ? [fuzzRow(pageOf('FUZZ.md'), wire), decodeRow()] : [])]
}

/** In a process of its own: where what was built is measured, imports do not lead to sources. */
function sourcesToday(): RecordedSources {
  const args = ['--conditions=@selvedge/source', join(BENCH, 'recorded-sources.ts')]
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`no digest of today's sources: ${stderr}`)
  return JSON.parse(stdout) as RecordedSources
}

/** A page of `bench/`; nothing where the run that writes it was never made. */
function pageOf(name: string): string {
  try {
    return readFileSync(join(BENCH, name), 'utf8')
  } catch {
    return ''
  }
}

const countIn = (page: string, pattern: RegExp): number => Number(pattern.exec(page)?.[1]?.replaceAll(',', '') ?? Number.NaN)

/** Of the rules as they are: a row of other sources counts for nothing, and says so. @param sources - of today. */
export function schedulesRow(page: string, sources: string): Row {
  const rules = ['Bullshark', 'Mysticeti-C'].map((name) => {
    const cells = (new RegExp(`^\\| ${name} \\|.*\\|$`, 'm').exec(page)?.[0] ?? '').split('|').map((cell) => cell.trim())
    const [schedules, broken, of] = [Number(cells[3] ?? Number.NaN), Number(cells[4] ?? Number.NaN), cells[9]?.replaceAll('`', '') ?? '']
    return { name, schedules, broken, sources: of, isOfToday: of === sources }
  })
  return {
    id: 'G7',
    what: 'adversarial schedules of each rule, unpatched',
    goal: `≥ ${thousands(SCHEDULES_MIN)}, 0 broken`,
    reached: rules
      .map(({ name, schedules, broken, isOfToday, sources: of }) => {
        const ofOthers = isOfToday ? '' : ` on other sources than today's (${of || 'none'}, not ${sources})`
        return `${name} ${thousands(schedules)}, ${broken} broken${ofOthers}`
      })
      .join('; '),
    isMet: rules.every(({ schedules, broken, isOfToday }) => isOfToday && schedules >= SCHEDULES_MIN && broken === 0),
    figures: { rules, sources, page: 'bench/SOAK.md' },
  }
}

function mutantsRow(): Row {
  const [, ...found] = /Killed: Bullshark (\d+) of (\d+), Mysticeti-C (\d+) of (\d+)/.exec(pageOf('MUTANTS.md')) ?? []
  const [killed = 0, all = 0, alsoKilled = 0, alsoAll = 0] = found.map(Number)
  return {
    id: 'G7',
    what: 'planted bugs found by it',
    goal: `all of at least ${MUTANTS_MIN} a rule`,
    reached: `Bullshark ${killed} of ${all}, Mysticeti-C ${alsoKilled} of ${alsoAll}`,
    isMet: killed === all && alsoKilled === alsoAll && all >= MUTANTS_MIN && alsoAll >= MUTANTS_MIN,
    figures: { killed, all, alsoKilled, alsoAll, page: 'bench/MUTANTS.md' },
  }
}

/** The table of today's sources, or, where there is none, the newest, which is said and misses. @param sources - of src/wire today. */
export function fuzzRow(page: string, sources: string): Row {
  const tables = page.split(/^(?=## Sources )/m).slice(1)
  const ofToday = tables.find((each) => each.startsWith(`## Sources \`${sources}\``))
  const table = ofToday ?? tables.at(-1) ?? ''
  const inputs = countIn(table, /^\| all \| ([\d,]+) \|/m)
  const edited = countIn(table, /^\| valid encodings with one to three edits \| ([\d,]+) \|/m)
  const accepted = countIn(table, /^\| accepted \| ([\d,]+) \|/m)
  const notCanonical = countIn(table, /^\| accepted, but not the one encoding of the value \| ([\d,]+) \|/m)
  const strangers = countIn(table, /^\| threw anything but `ConsensusError` \| ([\d,]+) \|/m)
  const refusals = [...table.matchAll(/^\| CONSENSUS_\w+ \| ([\d,]+) \|/gm)].map(([, count]) => Number(count?.replaceAll(',', '')))
  const ofOthers = ofToday === undefined ? ` on other sources than today's (${sources})` : ''
  return {
    id: 'G11',
    what: 'hostile inputs to the decoders',
    goal: `≥ ${thousands(INPUTS_MIN)}, no other error, one encoding a value`,
    reached: `${thousands(inputs)}, ${strangers} other errors, ${notCanonical} of ${thousands(accepted)} accepted in another encoding${ofOthers}`,
    isMet:
      ofToday !== undefined &&
      inputs >= INPUTS_MIN &&
      strangers === 0 &&
      notCanonical === 0 &&
      edited >= inputs / 2 &&
      accepted >= inputs * ACCEPTED_SHARE_MIN &&
      refusals.length > 0 &&
      refusals.every((count) => count >= REFUSALS_MIN),
    figures: { inputs, edited, accepted, notCanonical, strangers, refusals, sources, page: 'bench/FUZZ.md' },
  }
}

function decodeRow(): Row {
  const sample = join(BENCH, '../../../tools/bench/sample.ts')
  const args = [...process.execArgv, '--expose-gc', sample, join(BENCH, 'decoders.bench.ts'), CERTIFICATE_BENCH, 'ours']
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  const last = stdout.trim().split('\n').at(-1) ?? ''
  if (!last.startsWith('{')) throw new Error(`no sample of "${CERTIFICATE_BENCH}": ${stderr}`)
  const { value } = JSON.parse(last) as { value: number }
  return {
    id: 'G11',
    what: CERTIFICATE_BENCH,
    goal: `≥ ${thousands(CERTIFICATES_PER_SECOND)}/s`,
    reached: `${thousands(value)}/s`,
    isMet: value >= CERTIFICATES_PER_SECOND,
    figures: { value },
  }
}
