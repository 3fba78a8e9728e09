/**
 * Measures rooms beside their peers.
 *
 *   node tools/bench/main.ts [ROOM ...] [--only TEXT] [--samples N] [--record] [--root DIR]
 *
 * Builds the room, installs the package in its `bench/` folder (peers live there and nowhere else), takes every sample in a fresh process,
 * ours and each peer in turn, and writes the table to bench/RESULTS.md and the README. A sample during which a process outside of it had more than 5 %
 * of a core is taken again, three times at most; the last one stands, and table and record say so. `--only` measures the benches whose name holds TEXT
 * and writes nothing. `--record` adds one JSON line a bench to docs/benchmarks/<room>.jsonl. Time never fails a build.
 */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { blockOf, holdBlock } from '../markers.ts'
import { existing, folderOf, type Room } from '../rooms.ts'
import { runCommand } from '../run-command.ts'
import { helpOf, top } from '../tool.ts'
import type { Bench, Sample, TakenSample } from './bench.ts'
import { type Measured, type RecordContext, recordOf, tableOfResults } from './report.ts'
import { type AllTimes, cpuOfAll, isDisturbed, undisturbed } from './undisturbed.ts'

const SAMPLES = 5
const LOAD_MAX = 0.5

interface Plan {
  readonly only?: string | undefined
  readonly samples?: number | undefined
}

async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { code, output } = await runCommand(command, args, { cwd, timeoutMs: 900_000 })
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with code ${code}\n${output}`)
  return output
}

async function takeSample(file: string, bench: Bench, subject: string): Promise<Sample> {
  const output = await run(
    process.execPath,
    ['--expose-gc', join(import.meta.dirname, 'sample.ts'), file, bench.name, subject],
    join(file, '..'),
  )
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as Sample
}

/**
 * Every bench of the files, each subject measured as often as the others and in turn.
 * @param look - what processes have had so far.
 */
export async function measureAll(
  files: readonly string[],
  { only, samples: wanted }: Plan,
  look: () => AllTimes = cpuOfAll,
): Promise<Measured[]> {
  const measured: Measured[] = []
  for (const file of files) {
    const { benches } = (await import(pathToFileURL(file).href)) as { benches: readonly Bench[] }
    for (const bench of benches.filter(({ name }) => only === undefined || name.includes(only))) {
      const samples: Record<string, TakenSample[]> = Object.fromEntries(Object.keys(bench.subjects).map((subject) => [subject, []]))
      for (let round = 0; round < (wanted ?? bench.samples ?? SAMPLES); round++) {
        for (const [subject, list] of Object.entries(samples)) {
          const sample = await undisturbed(() => takeSample(file, bench, subject), look)
          if (isDisturbed(sample)) process.stderr.write(`${bench.name}, ${subject}: ${sample.foreign.name} was busy in every try\n`)
          list.push(sample)
        }
      }
      const last = { bench, file, samples }
      measured.push(last)
      process.stderr.write(
        `${tableOfResults([last], emptyContext)
          .split('\n')
          .slice(2, 2 + Math.max(1, Object.keys(samples).length - 1))
          .join('\n')}\n`,
      )
    }
  }
  return measured
}

const emptyContext: RecordContext = { root: top, room: '', peers: {}, command: '' }

async function prepare(root: string, room: Room): Promise<Readonly<Record<string, string>>> {
  const folder = join(root, folderOf(room), 'bench')
  await run('turbo', ['run', 'build', `--filter=@selvedge/${room.name}`, '--output-logs=errors-only'], root)
  await run('pnpm', ['install', '--ignore-workspace', '--ignore-scripts', '--frozen-lockfile'], folder)
  const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { dependencies?: Record<string, string> }
  return Object.fromEntries(Object.entries(dependencies).filter(([name]) => !name.startsWith('@selvedge/')))
}

function writeTable(root: string, room: Room, table: string): void {
  const results = join(root, folderOf(room), 'bench/RESULTS.md')
  if (blockOf(existsSync(results) ? readFileSync(results, 'utf8') : '', 'bench') === undefined) {
    writeFileSync(results, `# Results of \`pnpm bench ${room.name}\`\n\n<!-- bench -->\n<!-- /bench -->\n`)
  }
  for (const file of [results, join(root, folderOf(room), 'README.md')]) {
    for (const { message } of holdBlock(file, 'bench', table, true)) process.stderr.write(`${file}: ${message}\n`)
  }
}

async function benchRoom(root: string, room: Room, plan: Plan, isRecorded: boolean): Promise<void> {
  const peers = await prepare(root, room)
  const folder = join(root, folderOf(room), 'bench')
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.bench.ts'))
    .map((name) => join(folder, name))
  const context = { root, room: room.name, peers, command: `pnpm bench ${room.name}` }
  const measured = await measureAll(files, plan)
  const table = tableOfResults(measured, context)
  process.stdout.write(`\n## ${room.name}\n\n${table}\n`)
  if (plan.only === undefined) writeTable(root, room, table)
  if (!isRecorded) return
  mkdirSync(join(root, 'docs/benchmarks'), { recursive: true })
  const lines = measured.map((each) => `${JSON.stringify(recordOf(each, context))}\n`)
  appendFileSync(join(root, `docs/benchmarks/${room.name}.jsonl`), lines.join(''))
}

const options = {
  only: { type: 'string' },
  samples: { type: 'string' },
  record: { type: 'boolean' },
  root: { type: 'string' },
  help: { type: 'boolean' },
} as const

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  if (values.help) return void process.stdout.write(`${helpOf(import.meta.filename)}\n`)
  const root = values.root ?? top
  const able = existing(root).filter((room) => existsSync(join(root, folderOf(room), 'bench/package.json')))
  const unknown = positionals.filter((name) => !able.some((room) => room.name === name))
  if (unknown.length > 0) throw new Error(`no bench in ${unknown.join(', ')}; there are: ${able.map(({ name }) => name).join(', ')}`)
  const load = loadavg()[0] ?? 0
  if (load > LOAD_MAX) process.stderr.write(`load is ${load.toFixed(2)}: absolute figures will be low, ratios wider\n`)
  const plan = { only: values.only, samples: values.samples === undefined ? undefined : Number(values.samples) }
  for (const room of able.filter(({ name }) => positionals.length === 0 || positionals.includes(name)))
    await benchRoom(root, room, plan, values.record === true)
}

if (import.meta.main) await main()
