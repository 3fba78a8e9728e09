/**
 * Runs the property, simulation and crash tests again and again with new seeds until time is up or one fails.
 *
 *   node tools/soak.ts [ROOM ...] [--minutes=10] [--runs=1000] [--long] [--root DIR]
 *
 * Each round sets SEED (the first seed) and RUNS (how many); the failing round prints the command that repeats it.
 *
 * With `--long` it goes on with the long runs of the rooms instead, the `soak.ts` of their tests, until they have played all seeds or each
 * has had its minutes, if any are named. They write down how far they are, and go on from there the next time. The chains, which play the
 * order under the application and live where both may be imported, are run with either room, `consensus` or `node`.
 */
import { randomInt } from 'node:crypto'
import { globSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { inParallel, runCommand } from './run-command.ts'
import { type Finding, type Invocation, runTool, top } from './tool.ts'

const SEED_MAX = 2 ** 31
/** Long runs that live in another room than the one they are of. */
const PLAYED_ABOVE: Readonly<Record<string, string>> = { 'apps/node/test/chain/soak.ts': 'consensus' }
const NODE_FLAGS = ['--max-semi-space-size=64', '--conditions=@selvedge/source']
/** What a long run without `--minutes` may take: it ends by itself. */
const LONG_MINUTES_MAX = 24 * 60
/** For the schedule that is being played when time is up, and for what a run reads at first. */
const GRACE_MS = 300_000

function numberOf(flags: ReadonlySet<string>, name: string, byDefault: number): number {
  const flag = [...flags].find((each) => each.startsWith(`--${name}=`))
  return flag === undefined ? byDefault : Number(flag.slice(name.length + 3))
}

export async function soak({ root, args, flags }: Invocation, nextSeed: () => number = () => randomInt(1, SEED_MAX)): Promise<Finding[]> {
  if (flags.has('--long')) return runLong(root, args, numberOf(flags, 'minutes', LONG_MINUTES_MAX))
  const deadline = Date.now() + numberOf(flags, 'minutes', 10) * 60_000
  const runs = numberOf(flags, 'runs', 1000)
  const projects = args.map((name) => `--project=${name}`)
  let rounds = 0
  do {
    const seed = nextSeed()
    const vitest = ['run', '--root', root, ...projects, '.prop.test.', '.sim.test.', '.crash.test.', '--reporter=dot']
    const env = { ...process.env, SEED: String(seed), RUNS: String(runs) }
    const { code, output } = await runCommand(join(top, 'node_modules/.bin/vitest'), vitest, { cwd: root, env, timeoutMs: 3_600_000 })
    if (code !== 0)
      return [{ file: '.', message: `repeat with: SEED=${seed} RUNS=${runs} pnpm exec vitest run ${projects.join(' ')}\n${output.trim()}` }]
    rounds += 1
  } while (Date.now() < deadline)
  process.stdout.write(`${rounds} rounds of ${runs} runs passed\n`)
  return []
}

/** As many at once as there are cores. What a run prints last is its row. */
async function runLong(root: string, rooms: readonly string[], minutes: number): Promise<Finding[]> {
  const isMeant = (file: string): boolean => {
    const parts = relative(root, file).split(sep)
    const above = PLAYED_ABOVE[parts.join('/')]
    return rooms.length === 0 || rooms.includes(parts[1]!) || (above !== undefined && rooms.includes(above))
  }
  const files = globSync('{packages,apps}/*/test/*/soak.ts', { cwd: root })
    .map((file) => join(root, file))
    .filter(isMeant)
  const findings = await inParallel(files, async (file): Promise<Finding[]> => {
    const { code, output } = await runCommand(process.execPath, [...NODE_FLAGS, file, '--write', `--minutes=${minutes}`], {
      cwd: root,
      timeoutMs: minutes * 60_000 + GRACE_MS,
    })
    if (code !== 0) return [{ file: relative(root, file), message: output.trim() }]
    process.stdout.write(`${relative(root, file)}: ${output.trim().split('\n').at(-1)}\n`)
    return []
  })
  return findings.flat()
}

await runTool(import.meta, (invocation) => soak(invocation))
