/** G7 and G11: what took nights, read from the records that those runs wrote; the decoder's speed is measured here. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Row, thousands } from './table.ts'

const BENCH = join(import.meta.dirname, '..')
const SCHEDULES_MIN = 1_000_000
const MUTANTS_MIN = 20
const INPUTS_MIN = 100_000_000
const CERTIFICATES_PER_SECOND = 12_000
const CERTIFICATE_BENCH = 'decode a certificate of 512 votes'

export function recordedRows(ids: readonly string[]): Row[] {
  return [...(ids.includes('G7') ? [schedulesRow(), mutantsRow()] : []), ...(ids.includes('G11') ? [fuzzRow(), decodeRow()] : [])]
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

function schedulesRow(): Row {
  const page = pageOf('SOAK.md')
  const rules = ['Bullshark', 'Mysticeti-C'].map((name) => ({
    name,
    schedules: countIn(page, new RegExp(`^\\| ${name} \\| [^|]+\\| ([\\d,]+) \\|`, 'm')),
    broken: countIn(page, new RegExp(`^\\| ${name} \\| [^|]+\\| [\\d,]+ \\| ([\\d,]+) \\|`, 'm')),
  }))
  return {
    id: 'G7',
    what: 'adversarial schedules of each rule, unpatched',
    goal: `≥ ${thousands(SCHEDULES_MIN)}, 0 broken`,
    reached: rules.map(({ name, schedules, broken }) => `${name} ${thousands(schedules)}, ${broken} broken`).join('; '),
    isMet: rules.every(({ schedules, broken }) => schedules >= SCHEDULES_MIN && broken === 0),
    figures: { rules, page: 'bench/SOAK.md' },
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

function fuzzRow(): Row {
  const page = pageOf('FUZZ.md')
  const inputs = countIn(page, /^\| all \| ([\d,]+) \|/m)
  const accepted = countIn(page, /^\| accepted \| ([\d,]+) \|/m)
  const notCanonical = countIn(page, /^\| accepted, but not the one encoding of the value \| ([\d,]+) \|/m)
  const strangers = countIn(page, /^\| threw anything but `ConsensusError` \| ([\d,]+) \|/m)
  return {
    id: 'G11',
    what: 'hostile inputs to the decoders',
    goal: `≥ ${thousands(INPUTS_MIN)}, no other error, one encoding a value`,
    reached: `${thousands(inputs)}, ${strangers} other errors, ${notCanonical} of ${thousands(accepted)} accepted in another encoding`,
    isMet: inputs >= INPUTS_MIN && strangers === 0 && notCanonical === 0,
    figures: { inputs, accepted, notCanonical, strangers, page: 'bench/FUZZ.md' },
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
