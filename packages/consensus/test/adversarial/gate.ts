/**
 * The mutation gate: every planted bug must be found by the adversarial scheduler within 10,000 schedules.
 *
 *   node --conditions=@selvedge/source test/adversarial/gate.ts [--write] [--count=10000] [--jobs=2] [PREFIX …]
 *
 * With `--write` the table in bench/MUTANTS.md and the killing seeds in mutants/kills.json are made anew. Exit code 1 where a mutant
 * survives, does not apply, or was never loaded.
 */
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Kill } from './hunt.ts'
import { mutants } from './mutants/all.ts'
import type { Mutant } from './patch.ts'

export const SCHEDULES_MAX = 10_000
/** What an equivalent mutant is played for: it must not break, or it is none. */
const EQUIVALENT_SCHEDULES = 1_000
const COMMAND = 'node --conditions=@selvedge/source test/adversarial/gate.ts --write'
const kills = new URL('mutants/kills.json', import.meta.url)
const page = new URL('../../bench/MUTANTS.md', import.meta.url)
const START = '<!-- mutants -->'
const END = '<!-- /mutants -->'

/** Runs one mutant in a fresh process, known killing seeds first. @throws where the patch does not apply or its file is not loaded */
export async function runMutant({ id }: Mutant, count: number, known: readonly number[] = []): Promise<Kill | undefined> {
  const child = new URL('mutant.child.ts', import.meta.url).pathname
  const args = [
    '--conditions=@selvedge/source',
    '--disable-warning=ExperimentalWarning',
    child,
    id,
    '1',
    String(count),
    ...known.map(String),
  ]
  const env = { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'selvedge-mutants') } // by content: what is patched is compiled anew
  const { stdout } = await promisify(execFile)(process.execPath, args, { env })
  return (JSON.parse(stdout) as { kill?: Kill }).kill
}

export function knownKills(): Readonly<Record<string, number>> {
  return JSON.parse(readFileSync(kills, 'utf8')) as Record<string, number>
}

export const isSurvivor = (mutant: Mutant, kill: Kill | undefined): boolean => (kill === undefined) !== (mutant.class === 'equivalent')

function tableOf(found: ReadonlyMap<string, Kill | undefined>): string {
  const rows = mutants.map((mutant) => {
    const kill = found.get(mutant.id)
    const end =
      kill === undefined ? `not found | | | ${mutant.reason ?? ''}` : `${kill.seed} | ${kill.size} | ${kill.schedules} | ${kill.message}`
    return `| \`${mutant.id}\` | ${mutant.class} | \`${mutant.file}\` | ${end} |`
  })
  const countOf = (mode: string): string => {
    const ours = mutants.filter((mutant) => mutant.mode === mode && mutant.class !== 'equivalent')
    return `${ours.filter(({ id }) => found.get(id) !== undefined).length} of ${ours.length}`
  }
  return [
    `Killed: Bullshark ${countOf('certified')}, Mysticeti-C ${countOf('uncertified')}. Node ${process.versions.node}. Made by \`${COMMAND}\`.`,
    '',
    '| mutant | class | source | seed | n | schedules | what broke, or why nothing can |',
    '|---|---|---|--:|--:|--:|---|',
    ...rows,
  ].join('\n')
}

function write(found: ReadonlyMap<string, Kill | undefined>): void {
  const seeds = Object.fromEntries([...found].flatMap(([id, kill]) => (kill === undefined ? [] : [[id, kill.seed]])))
  writeFileSync(kills, `${JSON.stringify(seeds, undefined, 2)}\n`)
  const text = readFileSync(page, 'utf8')
  writeFileSync(page, `${text.slice(0, text.indexOf(START) + START.length)}\n${tableOf(found)}\n${text.slice(text.indexOf(END))}`)
}

async function main(args: readonly string[]): Promise<void> {
  const option = (name: string, byDefault: number): number => {
    return Number(args.find((each) => each.startsWith(`--${name}=`))?.slice(name.length + 3) ?? byDefault)
  }
  const prefixes = args.filter((each) => !each.startsWith('--'))
  const queue = mutants.filter(({ id }) => prefixes.length === 0 || prefixes.some((prefix) => id.startsWith(prefix)))
  const found = new Map<string, Kill | undefined>()
  const work = async (): Promise<void> => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const count = mutant.class === 'equivalent' ? EQUIVALENT_SCHEDULES : option('count', SCHEDULES_MAX)
      const kill = await runMutant(mutant, count).catch((error: Error) => {
        process.exitCode = 1
        process.stdout.write(`NOT APPLIED ${mutant.id}: ${/Error.*: (.*)/.exec(error.message)?.[1] ?? error.message}\n`)
        return undefined
      })
      found.set(mutant.id, kill)
      if (isSurvivor(mutant, kill)) process.exitCode = 1
      const verdict = isSurvivor(mutant, kill) ? 'NOT AS EXPECTED' : 'ok'
      process.stdout.write(
        `${verdict} ${mutant.id} ${mutant.class} ${kill === undefined ? 'not found' : `after ${kill.schedules}: ${kill.message}`}\n`,
      )
    }
  }
  await Promise.all(Array.from({ length: option('jobs', 1) }, work))
  if (args.includes('--write')) write(found)
}

if (import.meta.main) await main(process.argv.slice(2))
