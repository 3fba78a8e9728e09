import { ContentError, type Served, type WholeUnits } from '@selvedge/content'
import { expect, test } from 'vitest'
import { serveLane, type LaneEvent, type ServedLane } from '../src/compose/lane-service.ts'

const NONE = new Uint8Array()
const GUEST = { serviceId: 0, metadata: NONE, sessionId: new Uint8Array(16), account: undefined }

/** A content server whose answer is one byte, again and again, each `after` something; `isClosed` tells whether its body was ended. */
function oneByte(after: () => Promise<unknown> = async () => {}): { content: { serve(): Promise<Served> }; isClosed(): boolean } {
  let isClosed = false
  const units = { parts: [new Uint8Array(1)], unitEnds: [1] }
  const iterator: AsyncIterator<WholeUnits> = {
    next: async () => {
      await after()
      return isClosed ? { done: true, value: undefined } : { done: false, value: units }
    },
    return: async () => {
      isClosed = true
      return { done: true, value: undefined }
    },
  }
  const served = { fields: { status: 200, mode: 'proof' }, answer: NONE, units: () => ({ [Symbol.asyncIterator]: () => iterator }) }
  return { content: { serve: async () => served as unknown as Served }, isClosed: () => isClosed }
}

function lane(write: ServedLane['write']): ServedLane {
  return { write, end: () => {}, reset: () => {} }
}

test('a client is given no credit: what it would send nobody reads', async () => {
  const { content } = oneByte()
  let credit = -1
  const accept = (_: Uint8Array, initialCredit: number): ServedLane => {
    credit = initialCredit
    return lane(() => Promise.reject(new ContentError('CONTENT_INTERNAL', 'enough was seen')))
  }
  await serveLane(content, { ...GUEST, signal: new AbortController().signal, accept, reset: () => {} }, () => {})
  expect(credit).toBe(0)
})

test.each(['accepted', 'written'])('a lane that is over before it is %s gives back what was opened for it', async (moment) => {
  const { content, isClosed } = oneByte()
  const controller = new AbortController()
  const gone = (): never => {
    controller.abort(new Error('reset'))
    throw new Error('reset')
  }
  const accept = (): ServedLane => (moment === 'accepted' ? gone() : lane(async () => gone()))
  const events: LaneEvent[] = []
  const request = { ...GUEST, signal: controller.signal, accept, reset: () => {} }
  await serveLane(content, request, (event) => void events.push(event))
  expect(isClosed()).toBe(true)
  expect(events).toMatchObject([{ reason: 'cancelled' }])
})

test.each([
  ['ORIGIN_STATUS', 'ORIGIN_STATUS'],
  ['FETCHER_EMPTY', 'FETCHER_EMPTY'],
  ['CAR_BAD_HASH', 'CAR_BAD_HASH of http://10.0.0.7/tenant'],
])('where an origin is only the operator hears: %s', async (finer, told) => {
  const failure = new ContentError('CONTENT_ORIGIN_FAILED', 'of http://10.0.0.7/tenant', { finer })
  const content = { serve: () => Promise.reject(failure) }
  const resets: unknown[] = []
  const events: LaneEvent[] = []
  const accept = (): never => expect.unreachable('it is not answered')
  const reset = (...about: unknown[]): void => void resets.push(about)
  await serveLane(content, { ...GUEST, signal: new AbortController().signal, accept, reset }, (event) => void events.push(event))
  expect(resets).toEqual([[21, told]])
  expect(events).toMatchObject([{ laneCode: 21, reason: `${finer} of http://10.0.0.7/tenant` }])
})

const aTurn = (): Promise<unknown> => new Promise(setImmediate)
const twoTurns = async (): Promise<void> => void (await aTurn(), await aTurn())

test.each(['at once', 'when it was answered'])(
  'the answer leaves in one turn with units that are there, and is not kept by others: %s',
  async (when) => {
    const answered = Promise.withResolvers<void>()
    const { content } = oneByte(async () => (when === 'at once' ? twoTurns() : answered.promise))
    const steps: string[] = []
    const accept = (): ServedLane => {
      steps.push('answer')
      setImmediate(() => steps.push('turn'))
      setTimeout(answered.resolve, 5)
      return lane(async () => {
        steps.push('units')
        throw new ContentError('CONTENT_INTERNAL', 'enough was seen')
      })
    }
    await serveLane(content, { ...GUEST, signal: new AbortController().signal, accept, reset: () => {} }, () => {})
    const untilUnits = steps.slice(0, steps.indexOf('units') + 1)
    expect(untilUnits).toEqual(when === 'at once' ? ['answer', 'units'] : ['answer', 'turn', 'units'])
  },
)

test('each write is told where its units end', async () => {
  const { content } = oneByte()
  const writes: unknown[] = []
  const accept = (): ServedLane =>
    lane(async (parts, { unitEnds }) => {
      if (writes.push([parts.length, unitEnds]) === 2) throw new ContentError('CONTENT_INTERNAL', 'enough was seen')
    })
  const events: LaneEvent[] = []
  const request = { ...GUEST, signal: new AbortController().signal, accept, reset: () => {} }
  await serveLane(content, request, (event) => void events.push(event))
  expect(writes.slice(0, 2)).toEqual([
    [1, [1]],
    [1, [1]],
  ])
  expect(events).toMatchObject([{ bytes: expect.any(Number), laneCode: 23 }])
})

/** What happens on a lane whose body has so many units, in order; a write is taken when the test says so. */
function followed(unitCount: number, failure?: Error): { readonly log: string[]; take(): void; serve(): Promise<LaneEvent[]> } {
  const log: string[] = []
  const takes: (() => void)[] = []
  let read = 0
  const iterator: AsyncIterator<WholeUnits> = {
    next: async () => {
      if (read === unitCount && failure !== undefined) throw failure
      if (read === unitCount) return { done: true, value: undefined }
      log.push(`read ${++read}`)
      return { done: false, value: { parts: [new Uint8Array(1)], unitEnds: [1] } }
    },
    return: async () => ({ done: true, value: undefined }),
  }
  const served = { fields: { status: 200, mode: 'proof' }, answer: NONE, units: () => ({ [Symbol.asyncIterator]: () => iterator }) }
  let written = 0
  const write: ServedLane['write'] = () => {
    const name = ++written
    log.push(`write ${name}`)
    return new Promise((resolve) => takes.push(() => (log.push(`taken ${name}`), resolve())))
  }
  const accept = (): ServedLane => {
    log.push('accept')
    return { write, end: () => void log.push('end'), reset: (code) => void log.push(`reset ${code}`) }
  }
  const events: LaneEvent[] = []
  const request = { ...GUEST, signal: new AbortController().signal, accept, reset: () => {} }
  return {
    log,
    take: () => takes.shift()?.(),
    serve: async () => {
      await serveLane({ serve: async () => served as unknown as Served }, request, (event) => void events.push(event))
      return events
    },
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('the next units are read while two writes are on their way, and no more', async () => {
  const { log, take, serve } = followed(4)
  const serving = serve()
  await settled()
  expect(log).toEqual(['read 1', 'accept', 'write 1', 'read 2', 'write 2'])
  take()
  await settled()
  expect(log.slice(5)).toEqual(['taken 1', 'read 3', 'write 3'])
  take()
  await settled()
  take()
  await settled()
  expect(log.slice(8)).toEqual(['taken 2', 'read 4', 'write 4', 'taken 3', 'end']) // with the last write still on its way
  take()
  expect(await serving).toMatchObject([{ bytes: 4 }])
})

test('of a body that fails, what came before it is sent and taken first', async () => {
  const { log, take, serve } = followed(2, new ContentError('CONTENT_NOT_FOUND', 'gone'))
  const serving = serve()
  await settled()
  take()
  await settled()
  expect(log).toEqual(['read 1', 'accept', 'write 1', 'read 2', 'write 2', 'taken 1'])
  take()
  expect(await serving).toMatchObject([{ bytes: 2, laneCode: 20 }])
  expect(log.slice(6)).toEqual(['taken 2', 'reset 20'])
})

test('memory of units goes back once the lane has let go of them; that of a write which fails never does', async () => {
  const log: string[] = []
  const settles: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = []
  let read = 0
  const iterator: AsyncIterator<WholeUnits> = {
    next: async () => {
      const name = ++read
      if (name > 3) return { done: true, value: undefined }
      return { done: false, value: { parts: [new Uint8Array(1)], unitEnds: [1], release: () => void log.push(`released ${name}`) } }
    },
    return: async () => ({ done: true, value: undefined }),
  }
  const served = { fields: { status: 200, mode: 'blake3' }, answer: NONE, units: () => ({ [Symbol.asyncIterator]: () => iterator }) }
  const accept = (): ServedLane => lane(() => new Promise((resolve, reject) => settles.push({ resolve, reject })))
  const request = { ...GUEST, signal: new AbortController().signal, accept, reset: () => {} }
  const serving = serveLane({ serve: async () => served as unknown as Served }, request, () => {})
  const turns = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
  }
  await turns()
  expect([settles.length, log]).toEqual([2, []])
  settles[0]!.resolve()
  await turns()
  expect([settles.length, log]).toEqual([3, ['released 1']])
  settles[1]!.reject(new Error('the lane was reset'))
  settles[2]!.reject(new Error('the lane was reset'))
  await serving
  expect(log).toEqual(['released 1'])
})
