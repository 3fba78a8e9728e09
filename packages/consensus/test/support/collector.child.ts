/** Makes 2.5 GiB of bytes outside the heap, of which 25 MiB live at a time, and prints how often the whole heap was collected for them. */
import { constants, PerformanceObserver } from 'node:perf_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import { tuneCollector } from '../../src/collector.node.ts'

if (process.argv[2] === 'tuned') tuneCollector({ checksSignatures: process.argv[3] === 'signatures' })
const WHOLE = new Set<unknown>([constants.NODE_PERFORMANCE_GC_MAJOR, constants.NODE_PERFORMANCE_GC_INCREMENTAL])
let collections = 0
const observer = new PerformanceObserver((list) => {
  for (const { detail } of list.getEntries() as (PerformanceEntry & { readonly detail?: { readonly kind: number } })[]) {
    if (WHOLE.has(detail?.kind)) collections += 1
  }
})
observer.observe({ entryTypes: ['gc'] })
const living: Uint8Array[] = []
for (let i = 0; i < 40_000; i++) {
  living.push(new Uint8Array(64 * 2 ** 10))
  if (living.length > 400) living.shift()
  if (i % 20 === 0) await turn()
}
await turn()
process.stdout.write(`${collections}\n`)
