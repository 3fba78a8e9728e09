/** A session that pays, goes on over another channel, and is in another epoch by then: what the client is told, when, and how often (sessions.md §6). */
import { expect, test } from 'vitest'
import { FRAME } from '../src/frames.ts'
import { drain, feed } from './cores.ts'
import { framesOf, openLane, PRICE } from './paying.ts'
import { lose, reattach, resumable } from './resume.ts'

const namesOf = (bytes: Uint8Array): string[] =>
  framesOf(bytes).map(({ type }) => Object.entries(FRAME).find(([, value]) => value === type)![0])

test('EPOCH, with the price that it changed, byte for byte and behind the ACCEPT of the lanes that it names', () => {
  const world = resumable()
  openLane(world)
  const price = { ...PRICE, priceVersion: 4, bytePrice: 11n }
  const rand = new Uint8Array(16).fill(3)
  const epochs = [6n, 7n].map((epoch) => ({ epoch, rand, priceVersion: epoch === 6n ? 3 : 4, lanes: [{ lane: 1, offset: 0n }] }))
  world.meter.link.epoch(epochs[0]!)
  drain(world.node)
  lose(world)
  world.meter.link.price(price)
  world.meter.link.epoch(epochs[1]!)
  reattach(world)
  const first = drain(world.node)
  feed(world.client, first)
  feed(world.node, drain(world.client))
  const answer = drain(world.node)
  expect(namesOf(answer)).toEqual(['price', 'epoch', 'price', 'epoch'])
  feed(world.client, answer)
  expect(world.payer.toldOf('epoch').map(([frame]) => frame)).toEqual(epochs)
  expect(world.payer.toldOf('price').map(([frame]) => frame)).toEqual([PRICE, PRICE, price])
  expect(world.client.phase).toBe('open')
})

test.each([1, 2])(
  'EPOCH that begins when the node has said RESUME and the client has not, where it takes %i connections, behind it and once',
  (connections) => {
    const world = resumable()
    openLane(world)
    const price = { ...PRICE, priceVersion: 4, bytePrice: 11n }
    const epoch = { epoch: 6n, rand: new Uint8Array(16).fill(3), priceVersion: 4, lanes: [{ lane: 1, offset: 0n }] }
    lose(world)
    reattach(world)
    world.meter.link.price(price)
    world.meter.link.epoch(epoch)
    feed(world.client, drain(world.node))
    if (connections === 2) {
      drain(world.client) // its RESUME is lost
      lose(world)
      reattach(world, { resumeToken: world.token() })
      feed(world.client, drain(world.node))
    }
    expect(world.payer.toldOf('epoch')).toEqual([])
    feed(world.node, drain(world.client))
    const answer = drain(world.node)
    expect(namesOf(answer)).toEqual(['price', 'price', 'epoch'])
    feed(world.client, answer)
    expect(world.payer.toldOf('epoch').map(([frame]) => frame)).toEqual([epoch])
    expect(world.payer.toldOf('price').map(([frame]) => frame)).toEqual([PRICE, PRICE, price])
    expect([world.client.phase, world.node.phase]).toEqual(['open', 'open'])
  },
)
