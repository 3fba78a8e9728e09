/** The PING of a node's books in a session that others have joined, and what becomes of who does not answer: core against core. */
import { describe, expect, test } from 'vitest'
import { encodeFrame, FRAME } from '../src/frames.ts'
import { drain, feed } from './cores.ts'
import { carry, endingsOf, join, openJoined, send, shared, tokenOf } from './joined.ts'
import { framesOf } from './paying.ts'

const NONE = new Uint8Array()

describe('a PING of the books', () => {
  const nonceOf = (bytes: Uint8Array): number[] => framesOf(bytes).flatMap(({ type, body }) => (type === FRAME.ping ? [body[0]!] : []))

  test('goes behind the data of each connection that owes, and is answered when all have answered', () => {
    const world = shared()
    const [owing, idle] = [join(world, tokenOf(world)), join(world, tokenOf(world))]
    const { atNode } = openJoined(owing)
    send(owing, atNode, 5_000)
    world.meter.link.ping(1n)
    expect([nonceOf(drain(idle.node)), drain(idle.node)]).toEqual([[], NONE])
    feed(world.client, drain(world.node))
    feed(world.node, drain(world.client))
    expect(world.meter.toldOf('pong')).toEqual([])
    carry(owing)
    expect(world.meter.toldOf('pong')).toEqual([[1n, 0]])
  })

  test('is asked once more of connection 0 when the last that owed has left', () => {
    const world = shared()
    const joined = join(world, tokenOf(world))
    openJoined(joined)
    world.meter.link.ping(1n)
    feed(world.client, drain(world.node))
    feed(world.node, drain(world.client))
    joined.node.lose('cut', [])
    expect([nonceOf(drain(world.node)), world.meter.toldOf('pong')]).toEqual([[1], []])
    feed(world.node, encodeFrame(FRAME.ping, 1, 0, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)), 9)
    expect(world.meter.toldOf('pong')).toEqual([[1n, 9]])
  })

  test('that one leaves unanswered until the books cut ends it with 16', () => {
    const world = shared()
    const joined = join(world, tokenOf(world))
    openJoined(joined)
    world.meter.link.ping(1n)
    drain(joined.node)
    world.meter.link.cut()
    carry(joined)
    expect(endingsOf(joined)).toEqual({ client: [16], node: [16] })
  })

  test('whose owner had answered goes on without the silent one, and is asked again', () => {
    const world = shared()
    const joined = join(world, tokenOf(world))
    openJoined(joined)
    world.meter.link.ping(1n)
    drain(joined.node)
    feed(world.client, drain(world.node))
    feed(world.node, drain(world.client))
    expect(world.meter.link.cut()).toBe(true)
    carry(joined)
    expect(endingsOf(joined)).toEqual({ client: [16], node: [16] })
    expect([world.node.phase, world.client.phase]).toEqual(['open', 'open'])
    world.meter.link.ping(2n)
    feed(world.client, drain(world.node))
    feed(world.node, drain(world.client))
    expect(world.meter.toldOf('pong').map(([nonce]) => nonce)).toEqual([2n])
  })

  test('the keep-alive’s answer of connection 0 is told as before, a joined one’s is not', () => {
    const world = shared()
    const joined = join(world, tokenOf(world))
    feed(joined.node, encodeFrame(FRAME.ping, 1, 0, new Uint8Array(8)))
    feed(world.node, encodeFrame(FRAME.ping, 1, 0, new Uint8Array(8)), 4)
    expect(world.meter.toldOf('pong')).toEqual([[0n, 4]])
  })
})
