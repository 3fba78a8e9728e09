/**
 * Measures the ledger's rows (G1 to G7, G10, G11) as their goals say: four validators in processes of their own, open-loop
 * generators, beside etcd in the same run.
 *
 *   node packages/consensus/bench/ledger/main.ts [ROW ...] [options]
 *
 *   ROW                 G1 G2 G3 G4 G5 G6 G7 G10 G11; without one all of them
 *   --window SECONDS    measured part of a run (60)       --warmup SECONDS   before it (10); both of G1 to G5
 *   --repeats N         of each figure of G1 to G6 (5): of G1 and G2 A B A B, of the others one after another
 *   --memory SECONDS    of G10 (600)                      --behind ROUNDS    of G6 (10000)
 *   --rate TX/S         the peak that G2, G4, G5 and G10 start from, where G1 is not measured
 *   --rates A,B         single windows at these rates instead of rows, of --subjects A,B (bullshark mysticeti ed25519 secp256k1
 *                       etcd; bullshark)
 *   --windows FILE      of G1 to G3, takes the windows that FILE has of the same sources and times, and adds those that it has not
 *   --cgroup FOLDER     a memory cgroup with a limit, joined by all that is measured: page cache that is used again, where a virtual
 *                       machine's host hands out memory page by page when it is first touched (decision 0015)
 *   --profile FOLDER    CPU profiles of the validators of these windows
 *   --record            writes bench/RESULTS.md and the README's table, and adds JSON lines to docs/benchmarks/
 *
 * JSON lines go to stdout, words to stderr. Data lies under the ignored .selvedge/ of the clone and is removed. The full sweep takes some
 * five hours, since all but G7, G10 and G11 are windows of a minute five times. etcd comes from the distribution's packages and is not
 * installed from here: where it is missing, its row says so.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { helpOf, top } from '../../../../tools/tool.ts'

/** The packages as users get them, and the links to them in bench/; nothing where sources are run. */
function prepare(): void {
  if (process.execArgv.includes('--conditions=@selvedge/source')) return
  const run = (command: string, args: readonly string[], cwd: string): void => {
    const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 2, 2] })
    if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? `code ${status}`}`)
  }
  run('turbo', ['run', 'build', '--filter=@selvedge/consensus', '--output-logs=errors-only'], top)
  run('pnpm', ['install', '--ignore-workspace', '--ignore-scripts', '--frozen-lockfile'], join(top, 'packages/consensus/bench'))
}

if (process.argv.includes('--help')) process.stdout.write(`${helpOf(import.meta.filename)}\n`)
else {
  prepare()
  const { measureAsAsked } = await import('./rows.ts') // not before the packages that it measures are built
  await measureAsAsked()
}
