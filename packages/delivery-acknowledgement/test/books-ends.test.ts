/** However a session ends that owes: what it costs the node, and the account. */
import { expect, test } from 'vitest'
import { createWorld, GROUP, groups, KIB, Link, type World } from './support/paid-link.ts'

const WINDOW = 256 * KIB

function drop(link: Link): void {
  link.toClient.length = 0
  link.toNode.length = 0
  expect(link.meter.suspend!()).toBe(true)
}

/** W of client 1's account now. */
function windowOf(world: World): number {
  const link = new Link(world, 1)
  link.close(undefined)
  return link.windowMost
}

test.each<[string, (world: World, link: Link) => void]>([
  ['says that it leaves', () => {}],
  ['does not come back', (_, link) => drop(link)],
  [
    'comes back and says what cannot be',
    (world, link) => {
      drop(link)
      const nonsense = [...link.lanes.values()].map(({ id, sent }) => ({ lane: id, received: -1, sent }))
      expect(link.meter.resume!(nonsense, world.nowMs)).toBe(1)
    },
  ],
])(
  'a client that owes and %s costs the node what it owes, and its account so much of its window, which grows as it always does',
  (_, ends) => {
    const world = createWorld()
    const link = new Link(world, 1)
    const lane = link.open(1, groups(400))
    for (let frame = 0; frame < 10; frame++) link.pump(lane)
    link.deliver(link.toClient)
    ends(world, link)
    link.close(undefined)
    const left = windowOf(world)
    const next = new Link(world, 1)
    next.open(1, groups(100))
    next.settle()
    expect(left).toBe(WINDOW - 10 * GROUP)
    expect(next.windowMost).toBeGreaterThan(2 * left) // after 16 of it, where growth is slow, it would be that
    expect(world.books.losses).toEqual({ writtenOffBytes: BigInt(10 * GROUP), defaults: 0 })
  },
)
