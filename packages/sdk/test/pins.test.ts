import { expect, test } from 'vitest'
import {
  ALL_CHUNKS,
  type ContentHandler,
  createService,
  createServiceHost,
  type HostAnswer,
  type HostPorts,
  type ServiceRequest,
} from '../src/index.ts'

const ROOT = { kind: 'root', bytes: new Uint8Array(32).fill(1) } as const
const REQUEST: ServiceRequest = { method: 'GET', address: ROOT, ranges: ALL_CHUNKS, scope: 'entity', ifNoneMatch: false, pin: false }
const ACCOUNT = new Uint8Array(20).fill(4)

interface World {
  /** Numbers of what was opened and not closed. */
  readonly open: Set<number>
  answer(changes?: Partial<ServiceRequest>): Promise<HostAnswer<number>>
}

/** What is asked, is asked by whoever has the account. */
function worldOf(handler: ContentHandler, stat?: HostPorts<number>['stat']): World {
  const open = new Set<number>()
  let opened = 0
  const service = createService({ name: 'a service' })
  service.onContent(handler)
  const host = createServiceHost<number>(service, {
    stat: stat ?? (async () => ({ state: 'complete', size: 7, pin: 'free' })),
    async open() {
      open.add(++opened)
      return { opened, facts: { state: 'complete', kind: 'file', size: 7, root: undefined } }
    },
    close: async (number) => void open.delete(number),
    log: () => {},
    nowMs: () => 0,
  })
  const { signal } = new AbortController()
  const session = { sessionId: new Uint8Array(16), account: ACCOUNT }
  return { open, answer: (changes = {}) => host.answer({ ...REQUEST, ...changes }, session, { signal }) }
}

test('an order to keep content is answered with a handle of its class, and with no other', async () => {
  const kept = worldOf(async ({ address }, { content }) => ({ handle: (await content.open(address, { priceClass: 'pin' }))!.handle }))
  expect(await kept.answer({ pin: true })).toMatchObject({ handle: { priceClass: 'pin' } })
  await expect(kept.answer()).rejects.toMatchObject({ code: 'SDK_SERVICE_FAILED' })
  const unaware = worldOf(async ({ address }, { content }) => ({ handle: (await content.open(address))!.handle })) // its author never heard of pins
  expect(await unaware.answer()).toMatchObject({ handle: { priceClass: 'table' } })
  await expect(unaware.answer({ pin: true })).rejects.toMatchObject({ code: 'SDK_SERVICE_FAILED' })
  expect([kept.open.size, unaware.open.size]).toEqual([1, 1]) // those that were answered with
})

test('whose pins a service asks after is the session, whatever the service writes over', async () => {
  const asked: unknown[] = []
  const world = worldOf(
    async ({ address }, { content, session }) => {
      session.account!.fill(5)
      return { status: (await content.stat(address)).pin === 'held' ? 403 : 404 }
    },
    async (_, session) => {
      asked.push(session.account!.slice())
      return { state: 'complete', size: 7, pin: 'held' }
    },
  )
  expect(await world.answer()).toEqual({ status: 403 })
  expect(asked).toEqual([ACCOUNT])
})
