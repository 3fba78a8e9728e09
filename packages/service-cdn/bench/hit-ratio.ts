/**
 * What keeping from the second request on finds, beside keeping everything (plain LRU), on readers by Zipf's law with walks between.
 *
 *   node packages/service-cdn/bench/hit-ratio.ts
 *
 * Counts, no times: the same figures on every machine.
 */
import { simulate, type TraceOptions, traceOf } from '../test/cache-simulation.ts'

const REQUESTS = 1_000_000
const CONTENTS = 100_000
/** In requests: the ring of `createCdn`, whose window of ten minutes holds as many at 109 a second. */
const ADMISSION = { window: 65_536, remembered: 65_536 }

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

const rows: string[] = []
for (const walkShare of [0, 0.2, 0.5]) {
  for (const skew of [0.7, 0.9, 1.1]) {
    for (const capacity of [1_000, 10_000]) {
      const readRun = 40_000
      const trace: TraceOptions = {
        requests: REQUESTS,
        contents: CONTENTS,
        skew,
        readRun,
        walkRun: (readRun * walkShare) / (1 - walkShare),
        seed: 1,
      }
      const all = simulate(traceOf(trace), capacity)
      const second = simulate(traceOf(trace), capacity, ADMISSION)
      const cells = [percent(walkShare), skew, capacity.toLocaleString('en'), percent(all.readerHits), percent(second.readerHits)]
      rows.push(`| ${[...cells, percent(all.writes), percent(second.writes)].join(' | ')} |`)
    }
  }
}

process.stdout.write(`| walks | skew | capacity | hits of readers, LRU | with admission | contents written a request, LRU | with admission |
| --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
`)
