import { ContentError, type Served, type WholeUnits } from '@selvedge/content'
import { expect, test } from 'vitest'
import { serveLane, type LaneEvent, type ServedLane } from '../src/compose/lane-service.ts'

const NONE = new Uint8Array()
const GUEST = { serviceId: 0, metadata: NONE, sessionId: new Uint8Array(16), account: undefined }

/** A content server whose answer is one byte; `isClosed` tells whether its body was ended. */
function oneByte(): { content: { serve(): Promise<Served> }; isClosed(): boolean } {
  let isClosed = false
  const units = { parts: [new Uint8Array(1)], unitEnds: [1] }
  const iterator: AsyncIterator<WholeUnits> = {
    next: async () => (isClosed ? { done: true, value: undefined } : { done: false, value: units }),
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
  expect(writes).toEqual([
    [1, [1]],
    [1, [1]],
  ])
  expect(events).toMatchObject([{ bytes: 1 }])
})
