/**
 * One sample in a process of its own: loads a bench file, prepares one subject, measures it, prints one JSON line, exits.
 *
 *   node tools/bench/sample.ts FILE BENCH SUBJECT
 */
import { loadavg } from 'node:os'
import { pathToFileURL } from 'node:url'
import { do_not_optimize, measure } from 'mitata'
import type { Bench, Prepared, Sample, Unit } from './bench.ts'

const MIB = 2 ** 20
const NS_PER_MS = 1e6

/** The figure of one run that took `ns`, in the bench's unit. */
function figureOf(unit: Unit, ns: number, bytes: number | undefined): number {
  if (unit === 'ns') return ns
  if (unit === 'ms') return ns / NS_PER_MS
  if (unit === '/s') return 1e9 / ns
  if (unit === 'MiB/s' && bytes !== undefined) return bytes / MIB / (ns / 1e9)
  throw new Error(`a bench in ${unit} must return its own figure, or say how many bytes a run takes`)
}

async function fastestNs(run: () => unknown, times: number): Promise<number> {
  await run()
  let fastest = Number.POSITIVE_INFINITY
  for (let i = 0; i < times; i++) {
    globalThis.gc?.()
    const started = process.hrtime.bigint()
    await run()
    fastest = Math.min(fastest, Number(process.hrtime.bigint() - started))
  }
  return fastest
}

async function valueOf(unit: Unit, prepared: Prepared): Promise<number> {
  if ('figure' in prepared) return prepared.figure()
  if ('once' in prepared) return figureOf(unit, await fastestNs(prepared.once, prepared.times ?? 3), prepared.bytes)
  const { each, bytes } = prepared
  const isAsync = each() instanceof Promise
  const { p50 } = await measure(isAsync ? async () => do_not_optimize(await each()) : () => do_not_optimize(each()))
  return figureOf(unit, p50, bytes)
}

const [file = '', name, subject = ''] = process.argv.slice(2)
const { benches } = (await import(pathToFileURL(file).href)) as { benches: readonly Bench[] }
const bench = benches.find((each) => each.name === name)
const setup = bench?.subjects[subject]
if (bench === undefined || setup === undefined) throw new Error(`${file} has no subject ${subject} in a bench called ${name}`)
const loadBefore = loadavg()[0] ?? 0
const prepared = await setup()
const sample: Sample = { value: await valueOf(bench.unit, prepared), loadBefore }
await prepared.close?.()
process.stdout.write(`\n${JSON.stringify(sample)}\n`)
process.exit(0) // a peer's worker pool must not keep the sample alive
