// Goal: a node that is started again is no fresh start for who owed it, and none the worse for who paid.
import { createFileAckStore } from '@selvedge/delivery-acknowledgement/node'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { LOSS_BYTES_MAX, WINDOW_MIN_BYTES, WINDOW_START_BYTES } from '../src/window.ts'
import { createWorld, GROUP, groups, Link, nextEpoch, type RefusedError, silentLink, type World } from './support/paid-link.ts'
import { EPOCH } from './support/world.ts'

const STOP_MS = 10_000

/** Takes what it gets for nothing, until it is in default or the node ends. @returns bytes. */
function takeUnpaid(world: World, isWaitedFor: boolean): number {
  const link = silentLink(world)
  link.open(1, groups(200))
  link.settle()
  world.nowMs += STOP_MS
  if (isWaitedFor) link.meter.due(world.nowMs)
  else link.close(17) // the node ends all sessions
  expect(link.isOver).toBe(true)
  return link.sentBytes
}

/** The next life of the node, in the same epoch or a later one. */
const again = (world: World, epochs = 0): World => {
  const next = createWorld(60_000, world.store)
  for (let count = Number(world.epoch - EPOCH) + epochs; count > 0; count--) nextEpoch(next)
  return next
}

test.each([true, false])(
  'however often a node is started in an epoch, an account costs it no more than once (in default: %s)',
  (isWaitedFor) => {
    let world = createWorld()
    let bytes = 0
    let refused: unknown
    for (let life = 0; life < 400 && refused === undefined; life++) {
      try {
        bytes += takeUnpaid(world, isWaitedFor)
      } catch (error) {
        refused = error
      }
      world = again(world)
    }
    expect(refused).toMatchObject({ code: 11 } satisfies Partial<RefusedError>)
    expect(bytes).toBeGreaterThan(WINDOW_START_BYTES)
    expect(bytes).toBeLessThanOrEqual(LOSS_BYTES_MAX)
  },
)

test('an account that was in default begins with the least window in every later epoch too; its losses are counted anew', () => {
  const world = createWorld()
  takeUnpaid(world, true)
  const next = again(world, 2)
  const link = new Link(next, 1)
  expect(link.windowMost).toBe(WINDOW_MIN_BYTES)
  link.open(1, groups(40))
  link.settle()
  expect([link.ackedBytes, link.left]).toEqual([40 * GROUP, undefined])
})

test('an account that paid, or a stranger, has the window that it always had', () => {
  const world = createWorld()
  const link = new Link(world, 1)
  link.open(1, groups(200))
  link.settle()
  link.payer.finish()
  link.settle()
  link.close(17)
  const next = again(world)
  for (const client of [1, 2]) expect(new Link(next, client).windowMost).toBe(WINDOW_START_BYTES)
})

test('the same on disk', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'acks-'))
  const store = await createFileAckStore(folder)
  const bytes = takeUnpaid(createWorld(60_000, store), true)
  await store.stop()
  const reopened = await createFileAckStore(folder)
  expect(reopened.standings!()).toMatchObject([{ epoch: EPOCH, lostBytes: bytes, windowBytes: WINDOW_MIN_BYTES, defaults: 1 }])
  expect(new Link(createWorld(60_000, reopened), 1).windowMost).toBe(WINDOW_MIN_BYTES)
  await reopened.stop()
  await rm(folder, { recursive: true })
})
