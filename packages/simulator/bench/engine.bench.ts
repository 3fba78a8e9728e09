// Events per second in the hold model (each event schedules one more, so as many pend as before), beside the queues that a user would pick;
// picks of the adversarial scheduler; one message to 100,000 nodes.
import { createAdversarialScheduler, createEngine, createRandom } from '@selvedge/simulator'
import { Heap } from 'heap-js'
import TinyQueue from 'tinyqueue'
import type { Bench, Prepared } from '../../../tools/bench/bench.ts'
import { flood } from '../test/flood.ts'
import { ClosureHeap } from './closure-heap.ts'

const EVENTS = 500_000
const SPAN_MS = 1_000

interface Stepper {
  step(): void
}

/** Fills with `pending` events, runs as many to warm up, and measures the next half million. */
const rateOf = (create: (pending: number, drawMs: () => number) => Stepper, pending: number) => (): Prepared => {
  const random = createRandom(1)
  const stepper = create(pending, () => random.next() * SPAN_MS)
  for (let i = 0; i < Math.max(pending, 200_000); i++) stepper.step()
  const figure = (): number => {
    const started = process.hrtime.bigint()
    for (let i = 0; i < EVENTS; i++) stepper.step()
    return (EVENTS * 1e9) / Number(process.hrtime.bigint() - started)
  }
  return { figure }
}

function ours(pending: number, drawMs: () => number): Stepper {
  const engine = createEngine()
  const hold = engine.kind('hold', (a, b) => engine.schedule(engine.now() + drawMs(), hold, a, b, undefined))
  for (let i = 0; i < pending; i++) engine.schedule(drawMs(), hold, i, 0, undefined)
  return engine
}

function closures(pending: number, drawMs: () => number): Stepper {
  const heap = new ClosureHeap()
  const hold = (node: number): void => heap.schedule(heap.nowMs + drawMs(), () => hold(node))
  for (let i = 0; i < pending; i++) heap.schedule(drawMs(), () => hold(i))
  return heap
}

interface Item {
  readonly atMs: number
  readonly sequence: number
  readonly node: number
}

const compare = (one: Item, other: Item): number => one.atMs - other.atMs || one.sequence - other.sequence

/** A priority queue of a library as an engine: pop, run, push. */
const queued =
  (create: () => { push(item: Item): unknown; pop(): Item | undefined }) =>
  (pending: number, drawMs: () => number): Stepper => {
    const queue = create()
    let sequence = 0
    for (let node = 0; node < pending; node++) queue.push({ atMs: drawMs(), sequence: sequence++, node })
    const step = (): void => {
      const { atMs, node } = queue.pop()!
      queue.push({ atMs: atMs + drawMs(), sequence: sequence++, node })
    }
    return { step }
  }

const tiny = queued(() => new TinyQueue<Item>([], compare))
const heapJs = queued(() => new Heap<Item>(compare))

const events = [10_000, 100_000, 1_000_000].map((pending): Bench => {
  const libraries = { tinyqueue: rateOf(tiny, pending), 'heap-js': rateOf(heapJs, pending) }
  return {
    name: `events, ${pending.toLocaleString('en-US')} pending`,
    unit: '/s',
    subjects: { ours: rateOf(ours, pending), 'object and closure': rateOf(closures, pending), ...(pending < 1_000_000 ? libraries : {}) },
    note: 'hold model, times drawn evenly, equal times in the order of scheduling; the libraries neither cancel nor call a function by kind.',
  }
})

const picks = [4, 10].map((receivers): Bench => {
  const subject = (): Prepared => {
    const scheduler = createAdversarialScheduler<number>(createRandom(1), { receivers })
    const random = createRandom(2)
    for (let i = 0; i < receivers * receivers * 3; i++) scheduler.add(random.below(receivers), random.below(receivers), i)
    const run = (count: number): void => {
      for (let i = 0; i < count; i++) {
        const { author, receiver, item } = scheduler.next()!
        scheduler.add(author, receiver, item)
      }
    }
    run(200_000)
    const figure = (): number => {
      const started = process.hrtime.bigint()
      run(EVENTS)
      return (EVENTS * 1e9) / Number(process.hrtime.bigint() - started)
    }
    return { figure }
  }
  return { name: `adversarial picks, ${receivers} nodes`, unit: '/s', subjects: { ours: subject } }
})

const NODES = 100_000
const floods: readonly Bench[] = [
  { name: 'one message to 100,000 nodes, degree 8', unit: 'ms', subjects: { ours: () => ({ once: () => flood(1, NODES) }) } },
  {
    name: 'the same, resident memory of the process',
    unit: 'MiB',
    subjects: {
      ours: () => ({
        figure: () => {
          flood(1, NODES)
          return process.memoryUsage.rss() / 2 ** 20
        },
      }),
    },
    note: '800,000 messages by reference through the network model: regions, jitter, loss, uplinks.',
  },
]

export const benches: readonly Bench[] = [...events, ...picks, ...floods]
