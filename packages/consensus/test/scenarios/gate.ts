/**
 * The mutation gate of whole cores: every planted bug breaks an invariant under schedules by messages.
 *
 *   node --conditions=@selvedge/source test/scenarios/gate.ts [--write] [--afresh] [--count=2000] [PREFIX …]
 *
 * Seeds that killed before are tried first, unless `--afresh`. With `--write` the second table in bench/MUTANTS.md and the killing seeds in
 * kills.json are made anew; afresh, since `schedules` counts from seed 1 only then. Exit code 1 where one survives.
 */
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { isSurvivor } from '../adversarial/gate.ts'
import type { Kill } from '../adversarial/hunt.ts'
import type { Mutant } from '../adversarial/patch.ts'
import { coreMutants } from './mutants.ts'

const SCHEDULES_MAX = 2_000
/** What an equivalent mutant is played for: it must not break, or it is none. */
const EQUIVALENT_SCHEDULES = 100
const kills = new URL('kills.json', import.meta.url)
const page = new URL('../../bench/MUTANTS.md', import.meta.url)
const COMMAND = 'node --conditions=@selvedge/source test/scenarios/gate.ts --afresh --write'
const START = '<!-- core mutants -->'
const END = '<!-- /core mutants -->'

/** In a fresh process, known killing seeds first. @throws where the patch does not apply or its file is not loaded */
export async function runCoreMutant({ id }: Mutant, count: number, known: readonly number[] = []): Promise<Kill | undefined> {
  const child = new URL('mutant.child.ts', import.meta.url).pathname
  const flags = ['--conditions=@selvedge/source', '--disable-warning=ExperimentalWarning']
  const env = { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'selvedge-mutants') }
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, child, id, '1', String(count), ...known.map(String)], { env })
  return (JSON.parse(stdout) as { kill?: Kill }).kill
}

export function knownCoreKills(): Readonly<Record<string, number>> {
  return JSON.parse(readFileSync(kills, 'utf8')) as Record<string, number>
}

function write(found: ReadonlyMap<string, Kill | undefined>): void {
  const seeds = Object.fromEntries([...found].flatMap(([id, kill]) => (kill === undefined ? [] : [[id, kill.seed]])))
  writeFileSync(kills, `${JSON.stringify(seeds, undefined, 2)}\n`)
  const rows = coreMutants.map(({ id, class: kind, file, reason = '' }) => {
    const kill = found.get(id)
    const end = kill === undefined ? `not found | | | ${reason}` : `${kill.seed} | ${kill.size} | ${kill.schedules} | ${kill.message}`
    return `| \`${id}\` | ${kind} | \`${file}\` | ${end} |`
  })
  const countOf = (mode: string): string => {
    const ours = coreMutants.filter((mutant) => mutant.mode === mode && mutant.class !== 'equivalent')
    return `${ours.filter(({ id }) => found.get(id) !== undefined).length} of ${ours.length}`
  }
  const text = readFileSync(page, 'utf8')
  const table = [
    `Killed: certified ${countOf('certified')}, uncertified ${countOf('uncertified')}. Node ${process.versions.node}. Made by \`${COMMAND}\`.`,
    '',
    '| mutant | class | source | seed | n | schedules | what broke, or why nothing can |',
    '|---|---|---|--:|--:|--:|---|',
    ...rows,
  ].join('\n')
  writeFileSync(page, `${text.slice(0, text.indexOf(START) + START.length)}\n${table}\n${text.slice(text.indexOf(END))}`)
}

async function main(args: readonly string[]): Promise<void> {
  const isWritten = args.includes('--write')
  const isAfresh = args.includes('--afresh')
  if (isWritten && !isAfresh) throw new Error('--write needs --afresh: a table of seeds that were known before counts no schedules')
  const count = Number(args.find((each) => each.startsWith('--count='))?.slice(8) ?? SCHEDULES_MAX)
  const prefixes = args.filter((each) => !each.startsWith('--'))
  const found = new Map<string, Kill | undefined>()
  for (const mutant of coreMutants.filter(({ id }) => prefixes.length === 0 || prefixes.some((prefix) => id.startsWith(prefix)))) {
    const known = isAfresh ? undefined : knownCoreKills()[mutant.id]
    const schedules = mutant.class === 'equivalent' ? EQUIVALENT_SCHEDULES : count
    const kill = await runCoreMutant(mutant, schedules, known === undefined ? [] : [known])
    found.set(mutant.id, kill)
    if (isSurvivor(mutant, kill)) process.exitCode = 1
    const verdict = isSurvivor(mutant, kill) ? 'NOT AS EXPECTED' : 'ok'
    process.stdout.write(`${verdict} ${mutant.id} ${kill === undefined ? 'not found' : `after ${kill.schedules}: ${kill.message}`}\n`)
  }
  if (isWritten) write(found)
}

if (import.meta.main) await main(process.argv.slice(2))
