/** The session that pays, core against core: who is admitted, in which order things come, and what the books and the payer are told. */
import { describe, expect, test } from 'vitest'
import type { Effect } from '../src/effects.ts'
import * as frames from '../src/frames.ts'
import { encodeFrame, FRAME } from '../src/frames.ts'
import { decodeHello, decodeWelcome } from '../src/greeting.ts'
import * as payment from '../src/payment-frames.ts'
import type { SessionCore } from '../src/session-core.ts'
import { CLIENT, createClientCore, createNodeCore, drain, feed } from './cores.ts'
import {
  ACCOUNT,
  createPaidNode,
  createPayingClient,
  createPayments,
  delegationOf,
  framesOf,
  openLane,
  paid,
  PLACE,
  PRICE,
  TestMeter,
  TestPayer,
  WINDOW,
} from './paying.ts'

const endings = (effects: Effect[]): Effect[] => effects.filter((effect) => effect.type === 'over')

const goawayCodesOf = (core: SessionCore): number[] =>
  framesOf(drain(core)).flatMap(({ type, body }) => (type === FRAME.goaway ? [frames.decodeGoaway(body).code] : []))
const ACK = { acknowledgement: new Uint8Array(236).fill(7), lanes: [{ lane: 1, verifiedOffset: 500n }] }
const TICK = { epoch: 5n, serviceId: 0, index: 4, preimage: new Uint8Array(32).fill(9) }
const ackFrame = encodeFrame(FRAME.ack, 0, 0, payment.encodeAck(ACK))

describe('a client that pays', () => {
  test('says HELLO with its delegation, and hears WELCOME, PRICE, ACCEPT, in this order', () => {
    const meter = new TestMeter()
    const payer = new TestPayer()
    const payments = createPayments(meter)
    const node = createPaidNode(payments)
    const client = createPayingClient(payer)
    client.open(3, Uint8Array.of(1, 2), 5_000)
    const hello = drain(client)
    const { hello: said } = decodeHello(framesOf(hello)[0]!.body)
    expect([said.kind, said.bracket]).toEqual(['delegation', delegationOf(CLIENT.publicKey)])
    const [welcomed, request] = feed(node, hello) as [Extract<Effect, { type: 'welcome' }>, Extract<Effect, { type: 'request' }>]
    expect(welcomed).toMatchObject({ type: 'welcome', account: ACCOUNT, clientKey: CLIENT.publicKey })
    node.accept(request.lane, Uint8Array.of(3), 1_000)
    const answer = drain(node)
    expect(framesOf(answer).map(({ type }) => type)).toEqual([FRAME.welcome, FRAME.price, FRAME.accept])
    expect(payments.hellos).toHaveLength(1)
    const told = feed(client, answer)
    expect(told.map(({ type }) => type)).toEqual(['welcome', 'accepted'])
    expect(client.maxLanes).toBe(24)
    const { welcome } = decodeWelcome(framesOf(answer)[0]!.body)
    expect(welcome).toMatchObject({ ...PLACE, window: WINDOW, maxLanes: 24, laneNonce: 41n, connection: 0 })
    // what both ends know is the same
    expect(payer.session).toEqual(meter.session)
    expect(payer.session).toMatchObject({ ...PLACE, account: ACCOUNT, window: WINDOW, laneNonce: 41n, sessionId: welcome.sessionId })
    const bodies = [frames.encodeOpen({ serviceId: 3, initialCredit: 5_000, metadata: Uint8Array.of(1, 2) }), framesOf(answer)[2]!.body]
    expect(meter.told).toEqual([
      { name: 'begin', args: [] },
      { name: 'lane', args: [1, 3, ...bodies] },
    ])
    expect(payer.told).toEqual([
      { name: 'begin', args: [] },
      { name: 'price', args: [PRICE] },
      { name: 'lane', args: [1, 3, ...bodies] },
    ])
  })

  test.each([6, 13, 14, 18])('that the books refuse with %i is told so and gets nothing else', (refuse) => {
    const meter = new TestMeter()
    const node = createPaidNode(createPayments(meter, { refuse }))
    const effects = feed(node, drain(createPayingClient(new TestPayer())))
    expect(effects).toEqual([expect.objectContaining({ type: 'over', why: 'protocol', code: refuse })])
    expect(goawayCodesOf(node)).toEqual([refuse])
    expect(meter.told).toEqual([])
  })

  test('is refused with 6 where there is no ledger', () => {
    const node = createNodeCore()
    feed(node, drain(createPayingClient(new TestPayer())))
    expect(goawayCodesOf(node)).toEqual([6])
  })

  test('is judged by the books only once HELLO is signed by its key', () => {
    const hello = drain(createPayingClient(new TestPayer()))
    for (let at = 8; at < hello.length; at++) {
      const payments = createPayments(new TestMeter())
      const bytes = hello.slice()
      bytes[at]! ^= 1
      expect([at, endings(feed(createPaidNode(payments), bytes)).length, payments.hellos.length]).toEqual([at, 1, 0])
    }
  })

  test('does not believe a WELCOME without a window, of another account or of a guest', () => {
    const cases: [SessionCore, SessionCore][] = [
      [createPaidNode(createPayments(new TestMeter(), { window: 0 })), createPayingClient(new TestPayer())],
      [
        createPaidNode({
          ...createPayments(new TestMeter()),
          admit: (hello) => {
            const admission = createPayments(new TestMeter()).admit(hello)
            return { ...admission, account: new Uint8Array(20).fill(1) } as typeof admission
          },
        }),
        createPayingClient(new TestPayer()),
      ],
    ]
    for (const [node, client] of cases) {
      feed(node, drain(client))
      const effects = feed(client, drain(node))
      expect(effects).toEqual([expect.objectContaining({ type: 'over', why: 'protocol', code: 1 })])
    }
  })

  test('takes nothing before PRICE', () => {
    const node = createPaidNode(createPayments(new TestMeter()))
    const payer = new TestPayer()
    const client = createPayingClient(payer)
    feed(node, drain(client))
    const [welcome] = framesOf(drain(node))
    feed(client, encodeFrame(welcome!.type, 0, 0, welcome!.body))
    const effects = feed(client, encodeFrame(FRAME.window, 0, 0, payment.encodeWindow({ window: 5 })))
    expect(endings(effects)).toEqual([expect.objectContaining({ why: 'protocol', code: 1 })])
    expect(payer.told.map(({ name }) => name)).toEqual(['begin', 'over'])
  })

  test('leaves with 19 when it finds the price too high', () => {
    const node = createPaidNode(createPayments(new TestMeter()))
    const payer = new TestPayer()
    payer.priceAnswer = 19
    const client = createPayingClient(payer)
    feed(node, drain(client))
    const effects = feed(client, drain(node))
    expect(endings(effects)).toEqual([expect.objectContaining({ why: 'payment', code: 19 })])
    expect(goawayCodesOf(client)).toEqual([19])
  })
})

describe('a guest of a node with books', () => {
  test('learns where the node stands, has no window and hears no PRICE', () => {
    const payments = createPayments(new TestMeter())
    const node = createPaidNode(payments)
    const client = createClientCore()
    feed(node, drain(client))
    const answer = framesOf(drain(node))
    expect(answer.map(({ type }) => type)).toEqual([FRAME.welcome])
    expect(decodeWelcome(answer[0]!.body).welcome).toMatchObject({ ...PLACE, window: 0, laneNonce: 41n, maxLanes: 4 })
    expect(feed(client, encodeFrame(FRAME.welcome, 0, 0, answer[0]!.body))).toEqual([
      expect.objectContaining({ type: 'welcome', account: undefined }),
    ])
    expect(payments.hellos).toEqual([])
  })

  test('may send no ACK, and hear no frame of a paying session', () => {
    const node = createPaidNode(createPayments(new TestMeter()))
    feed(node, drain(createClientCore()))
    drain(node)
    feed(node, ackFrame)
    expect(goawayCodesOf(node)).toEqual([6])
  })
})

describe('what is acknowledged', () => {
  test('reaches the meter as it was signed, with the time at which it came', () => {
    const session = paid()
    openLane(session)
    session.payer.link.ack(ACK)
    session.payer.link.tick(TICK)
    session.node.receive(drain(session.client), 123, [])
    expect(session.meter.toldOf('ack')).toEqual([[ACK, 123]])
    expect(session.meter.toldOf('tick')).toEqual([[TICK]])
  })

  test.each([12, 14, 18])('wrongly ends the session with the code that the meter names: %i', (code) => {
    const { node, meter } = paid()
    meter.ackAnswer = code
    const effects = feed(node, Uint8Array.from([...ackFrame, ...ackFrame]))
    expect(endings(effects)).toEqual([expect.objectContaining({ why: 'payment', code })])
    expect(goawayCodesOf(node)).toEqual([code])
    expect(meter.told.map(({ name }) => name)).toEqual(['begin', 'ack', 'over'])
  })

  test('by a tick that is none ends it too', () => {
    const { node, meter } = paid()
    meter.tickAnswer = 12
    feed(node, encodeFrame(FRAME.ack, 1, 0, payment.encodeTick(TICK)))
    expect(goawayCodesOf(node)).toEqual([12])
  })

  test('just before the client leaves is sent before its GOAWAY', () => {
    const { client, payer } = paid()
    payer.link.ack(ACK)
    client.leave(25, [])
    expect(framesOf(drain(client)).map(({ type }) => type)).toEqual([FRAME.ack, FRAME.goaway])
    payer.link.ack(ACK)
    expect(client.hasOutput).toBe(false)
  })
})

describe('what the node says', () => {
  test('reaches the payer in the order in which it was said', () => {
    const session = paid()
    openLane(session)
    const { meter, payer, node, client } = session
    const dearer = { ...PRICE, priceVersion: 4, fromEpoch: 6n }
    const epoch = { epoch: 6n, rand: new Uint8Array(16).fill(1), priceVersion: 4, lanes: [{ lane: 1, offset: 0n }] }
    const cpu = { serviceId: 0, epoch: 5n, cumCpuMicros: 77n }
    meter.link.window({ window: 65_536, isStopped: true })
    meter.link.price(dearer)
    meter.link.epoch(epoch)
    meter.link.meter(cpu)
    expect(endings(feed(client, drain(node)))).toEqual([])
    expect(payer.told.slice(3)).toEqual([
      { name: 'window', args: [{ window: 65_536, isStopped: true }] },
      { name: 'price', args: [dearer] },
      { name: 'epoch', args: [epoch] },
      { name: 'meter', args: [cpu] },
    ])
  })

  test('as PING comes back to the meter behind all DATA that was sent before it', () => {
    const session = paid()
    const { atNode } = openLane(session)
    const { node, client, meter } = session
    node.write(atNode, [new Uint8Array(100)], 'token')
    const before = drain(node)
    meter.link.ping(5n)
    const after = drain(node)
    expect(framesOf(before).map(({ type }) => type)).toEqual([FRAME.data])
    expect(framesOf(after).map(({ type }) => type)).toEqual([FRAME.ping])
    feed(client, before)
    feed(client, after)
    node.receive(drain(client), 44, [])
    expect(meter.toldOf('pong')).toEqual([[5n, 44]])
  })

  test('when it leaves ends the session, asked for at any moment', () => {
    const { node, meter } = paid()
    let asked = 0
    node.wishes.onAsk = () => asked++
    meter.link.leave(11)
    expect(asked).toBe(1)
    const effects: Effect[] = []
    node.tick(1, effects)
    expect(endings(effects)).toEqual([expect.objectContaining({ why: 'payment', code: 11 })])
    expect(goawayCodesOf(node)).toEqual([11])
    expect(meter.toldOf('over')).toHaveLength(1)
  })

  test('when its time is due', () => {
    const { node, meter } = paid()
    meter.deadlineMs = 500
    expect(node.deadlineMs).toBe(500)
    node.tick(499, [])
    expect(meter.toldOf('due')).toEqual([])
    node.tick(500, [])
    expect(meter.toldOf('due')).toEqual([[500]])
  })

  const meterOf = (serviceId: number, epoch: bigint, cumCpuMicros: bigint): Uint8Array =>
    encodeFrame(FRAME.meter, 0, 0, payment.encodeMeter({ serviceId, epoch, cumCpuMicros }))
  const epochOf = (epoch: bigint, ...lanes: [number, bigint][]): Uint8Array => {
    const rand = new Uint8Array(16)
    const list = lanes.map(([lane, offset]) => ({ lane, offset }))
    return encodeFrame(FRAME.epoch, 0, 0, payment.encodeEpoch({ epoch, rand, priceVersion: 3, lanes: list }))
  }
  test.each([
    ['METER of a service that took no lane', [meterOf(1, 5n, 0n)]],
    ['METER of the epoch after', [meterOf(0, 6n, 0n)]],
    ['METER of two epochs ago', [epochOf(6n), meterOf(0, 4n, 0n)]],
    ['METER that falls', [meterOf(0, 5n, 2n), meterOf(0, 5n, 1n)]],
    ['METER that falls in the epoch before', [meterOf(0, 5n, 2n), epochOf(6n), meterOf(0, 5n, 1n)]],
    ['EPOCH of the present', [epochOf(5n)]],
    ['another EPOCH of the present', [epochOf(6n), epochOf(6n, [1, 0n])]],
    ['EPOCH of two epochs ago', [epochOf(6n), epochOf(7n), epochOf(8n), epochOf(6n)]],
    ['EPOCH that leaves one out', [epochOf(7n)]],
    ['EPOCH of a lane that never was', [epochOf(6n, [2, 0n])]],
    ['EPOCH beyond what came', [epochOf(6n, [1, 1n])]],
    ['ACK from a node', [ackFrame]],
  ])('%s ends the session with 1 and is not told', (_, sent) => {
    const session = paid()
    openLane(session)
    const told = session.payer.told.length + sent.length - 1
    const effects = feed(session.client, Uint8Array.from(sent.flatMap((bytes) => [...bytes])))
    expect(endings(effects)).toEqual([expect.objectContaining({ why: 'protocol', code: 1 })])
    expect(session.payer.told.slice(0, told).concat(session.payer.told.slice(-1))).toEqual(
      session.payer.told.filter(({ name }) => name !== 'laneOver'),
    )
  })

  test('EPOCH that the client has is passed over, byte for byte the same: the newest, and the one before, whose chain may be open', () => {
    const session = paid()
    openLane(session)
    const sent = [epochOf(6n, [1, 0n]), epochOf(6n, [1, 0n]), epochOf(7n), epochOf(6n, [1, 0n]), epochOf(7n), epochOf(8n)]
    expect(endings(feed(session.client, Uint8Array.from(sent.flatMap((bytes) => [...bytes]))))).toEqual([])
    expect(session.payer.toldOf('epoch').map(([frame]) => (frame as { epoch: bigint }).epoch)).toEqual([6n, 7n, 8n])
  })

  test('of CPU time is taken from this epoch and from the one before, each on its own', () => {
    const session = paid()
    openLane(session)
    const sent = [meterOf(0, 5n, 9n), epochOf(6n), meterOf(0, 6n, 1n), meterOf(0, 5n, 9n), meterOf(0, 6n, 1n)]
    expect(endings(feed(session.client, Uint8Array.from(sent.flatMap((bytes) => [...bytes]))))).toEqual([])
    expect(session.payer.toldOf('meter')).toHaveLength(4)
  })
})
