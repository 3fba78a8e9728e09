/**
 * The long run of the decoders' fuzzer, on one core:
 *
 *   node --conditions=@selvedge/source bench/fuzz.ts [--inputs=100000000] [--seed=1] [--record]
 *
 * Prints a line every ten million inputs and the table at the end; `--record` writes it to FUZZ.md, beside what other sources have there
 * and in the place of what these had. Ends with 1 when anything happened that may not.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { createFuzzer, DECODER_CODES, type FuzzReport } from '../test/wire/fuzzer.ts'
import { wireDigest } from './recorded-sources.ts'

const ROUND_INPUTS = 1_000_000
const REFUSALS_MIN = 1_000
const ACCEPTED_SHARE_MIN = 0.01
const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '100000000' },
    seed: { type: 'string', default: '1' },
    record: { type: 'boolean', default: false },
  },
})
Error.stackTraceLimit = 0 // nobody reads a hundred million of them

function added(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): Record<string, number> {
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].toSorted()
  return Object.fromEntries(keys.map((key) => [key, (a[key] ?? 0) + (b[key] ?? 0)]))
}

function joined(a: FuzzReport, b: FuzzReport): FuzzReport {
  return {
    inputs: a.inputs + b.inputs,
    edited: a.edited + b.edited,
    accepted: a.accepted + b.accepted,
    notCanonical: a.notCanonical + b.notCanonical,
    strangers: [...a.strangers, ...b.strangers].slice(0, 10),
    refused: added(a.refused, b.refused),
    faults: added(a.faults, b.faults),
  }
}

const isGood = ({ inputs, edited, accepted, notCanonical, strangers, refused }: FuzzReport): boolean =>
  strangers.length === 0 &&
  notCanonical === 0 &&
  edited >= inputs / 2 &&
  accepted >= inputs * ACCEPTED_SHARE_MIN &&
  DECODER_CODES.every((code) => (refused[code] ?? 0) >= REFUSALS_MIN)

function tableOf(report: FuzzReport): string {
  const count = (value: number): string => value.toLocaleString('en')
  const rows = (record: Readonly<Record<string, number>>): string[] =>
    Object.entries(record).map(([name, value]) => `| ${name} | ${count(value)} |`)
  const lines = [
    '| what | inputs |',
    '| --- | ---: |',
    `| all | ${count(report.inputs)} |`,
    `| valid encodings with one to three edits | ${count(report.edited)} |`,
    `| accepted | ${count(report.accepted)} |`,
    `| accepted, but not the one encoding of the value | ${count(report.notCanonical)} |`,
    `| threw anything but \`ConsensusError\` | ${count(report.strangers.length)} |`,
    ...rows(report.refused),
    '',
    'Accepted headers, blocks and certificates, by what the checks after decoding said:',
    '',
    '| check | inputs |',
    '| --- | ---: |',
    ...rows(report.faults),
  ]
  return `${lines.join('\n')}\n`
}

/** Puts the table under the digest of all of src/wire and what that imports. */
function record(): void {
  const page = new URL('FUZZ.md', import.meta.url)
  const sources = wireDigest()
  const command = `node --conditions=@selvedge/source bench/fuzz.ts --inputs=${wanted} --seed=${values.seed} --record`
  const made = `Made by \`${command}\` (Node ${process.versions.node}).`
  const section = `## Sources \`${sources}\`\n\n${made}\n\n${tableOf(report)}`
  const [head, ...sections] = readFileSync(page, 'utf8').split(/^(?=## Sources )/m)
  const others = sections.filter((each) => !each.startsWith(`## Sources \`${sources}\``)).map((each) => `${each.trimEnd()}\n\n`)
  writeFileSync(page, [head, ...others, section].join(''))
}

const wanted = Number(values.inputs)
let report: FuzzReport = { inputs: 0, edited: 0, accepted: 0, notCanonical: 0, strangers: [], refused: {}, faults: {} }
for (let round = 0; report.inputs < wanted; round++) {
  // Other valid encodings every round, and another way through them.
  report = joined(report, createFuzzer(Number(values.seed) + round, 12)(Math.min(ROUND_INPUTS, wanted - report.inputs)))
  if (report.inputs % (10 * ROUND_INPUTS) === 0) process.stdout.write(`${report.inputs} inputs, ${report.accepted} accepted\n`)
}
process.stdout.write(tableOf(report))
for (const stranger of report.strangers) process.stdout.write(`${stranger}\n`)
if (values.record) record()
process.exitCode = isGood(report) ? 0 : 1
