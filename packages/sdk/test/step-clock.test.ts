// Goal: of a service that shares its process and its event loop, what is counted are its own steps and nothing of anybody else's.
// Method: the real host, and a clock that moves only where somebody works; so each microsecond has one who spent it.
import { expect, test } from 'vitest'
import { ALL_CHUNKS, type ContentHandler, createService, createServiceHost, type ServiceHost } from '../src/index.ts'

const ROOT = { kind: 'root', bytes: new Uint8Array(32).fill(1) } as const
const REQUEST = { method: 'GET', address: ROOT, ranges: ALL_CHUNKS, scope: 'entity', ifNoneMatch: false, pin: false } as const
const GUEST = { sessionId: new Uint8Array(16), account: undefined }

interface World {
  readonly host: ServiceHost<number>
  /** Somebody works so long. */
  work(ms: number): void
  /** @returns microseconds that the host says it took. */
  answer(signal?: AbortSignal): Promise<number>
}

const OTHERS_TURNS = 50

/** The node works 100 ms in the first step of each of its answers and 1,000 ms before it gives it; others work 10,000 in each turn of that time. */
function worldOf(handler: (work: (ms: number) => void) => ContentHandler): World {
  let nowMs = 0
  const work = (ms: number): void => void (nowMs += ms)
  const others = async (): Promise<void> => {
    for (let turn = 0; turn < OTHERS_TURNS; turn++) {
      await Promise.resolve()
      work(10_000)
    }
  }
  const answered = async <T>(value: T): Promise<T> => {
    work(100)
    void others()
    await Promise.resolve()
    work(1_000)
    return value
  }
  const service = createService({ name: 'a service' })
  service.onContent(handler(work))
  const host = createServiceHost<number>(service, {
    stat: () => answered({ state: 'complete', size: 7, pin: 'free' }),
    open: () => answered({ opened: 1, facts: { state: 'complete', kind: 'file', size: 7, root: undefined } }),
    close: async () => work(100),
    log: () => work(100),
    nowMs: () => nowMs,
  })
  return {
    host,
    work,
    async answer(signal = new AbortController().signal) {
      let micros = -1
      const heard: number[] = []
      await host.answer(REQUEST, GUEST, { signal, onCpu: (each) => heard.push((micros = each)) }).catch(() => {})
      expect(heard).toHaveLength(1)
      return micros
    },
  }
}

test('its first step and each that follows an answer of a port are counted, the node and others are not', async () => {
  const world = worldOf((work) => async ({ address }, { content, meter, log }) => {
    work(1)
    await content.stat(address)
    work(2)
    log('info', 'which is the node at work')
    await meter.usage()
    work(4)
    const opened = await content.open(address)
    work(8)
    return { handle: opened!.handle }
  })
  expect(await world.answer()).toBe(15_000)
  world.work(500)
  expect(await world.answer()).toBe(15_000)
  expect(world.host.usage.cpuMicros).toBe(30_000)
})

test('one that has two answers of the node at once is counted for each, up to where it waits for both', async () => {
  const world = worldOf((work) => async ({ address }, { content }) => {
    work(1)
    const each = async (): Promise<void> => {
      await content.stat(address)
      work(2)
    }
    await Promise.all([each(), each()])
    work(4) // behind a promise of its own: not seen
    return { status: 404 }
  })
  expect(await world.answer()).toBe(5_000)
})

test('what follows a promise or a timer of its own is not seen, and nothing is counted twice', async () => {
  const world = worldOf((work) => async () => {
    work(1)
    await Promise.resolve()
    work(2)
    await new Promise((resolve) => setTimeout(resolve, 1))
    work(4)
    return { status: 404 }
  })
  expect(await world.answer()).toBe(1_000)
})

test('one that throws, answers with nonsense or outlives its client is counted all the same', async () => {
  for (const end of [() => Promise.reject(new Error('no')), () => ({ status: 200 })]) {
    const world = worldOf((work) => () => {
      work(3)
      return end()
    })
    expect(await world.answer()).toBe(3_000)
  }
  const throwing = worldOf((work) => () => {
    work(3)
    throw new Error('at once')
  })
  expect(await throwing.answer()).toBe(3_000)
  const controller = new AbortController()
  const world = worldOf((work) => async ({ address }, { content }) => {
    work(1)
    await content.stat(address)
    work(2)
    controller.abort(new Error('left'))
    return await new Promise(() => {})
  })
  expect(await world.answer(controller.signal)).toBe(3_000)
})
