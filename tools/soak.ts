/**
 * Runs the property, simulation and crash tests again and again with new seeds until time is up or one fails.
 *
 *   node tools/soak.ts [ROOM ...] [--minutes=10] [--runs=1000] [--root DIR]
 *
 * Each round sets SEED (the first seed) and RUNS (how many); the failing round prints the command that repeats it.
 */
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { runCommand } from './run-command.ts'
import { type Finding, type Invocation, runTool, top } from './tool.ts'

const SEED_MAX = 2 ** 31

function numberOf(flags: ReadonlySet<string>, name: string, byDefault: number): number {
  const flag = [...flags].find((each) => each.startsWith(`--${name}=`))
  return flag === undefined ? byDefault : Number(flag.slice(name.length + 3))
}

export async function soak({ root, args, flags }: Invocation, nextSeed: () => number = () => randomInt(1, SEED_MAX)): Promise<Finding[]> {
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

await runTool(import.meta, (invocation) => soak(invocation))
