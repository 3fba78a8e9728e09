import { expect, test } from 'vitest'
import type { Effect } from '../src/effects.ts'
import { encodeCredit, encodeFrame, encodeGoaway, encodeOpen, encodeReset, FRAME } from '../src/frames.ts'
import type { CoreLane } from '../src/lane-core.ts'
import { encodeResume } from '../src/resume-frame.ts'
import { type Phase, type Role, type Verdict, verdictOf } from '../src/rules.ts'
import type { SessionCore } from '../src/session-core.ts'
import { CLIENT, createClientCore, createNodeCore, drain, feed, greeted } from './cores.ts'
import { openLane } from './paying.ts'
import { lose, reattach, resumable } from './resume.ts'

const PHASES: Phase[] = ['greeting', 'open', 'draining', 'resuming', 'suspended', 'closing', 'closed']
const ROLES: Role[] = ['client', 'node']

/**
 * The table of sessions.md §3 and §9 as a person reads it: rows are frames, columns greeting, open, draining, resuming; T taken, P taken in a session
 * that pays and else refused with the code behind it, else the code.
 */
const TABLE: Record<Role, Record<string, string>> = {
  client: {
    hello: '1 1 1 1',
    welcome: 'T 1 1 1',
    open: '1 1 1 1',
    accept: '1 T T 1',
    data: '1 T T 1',
    credit: '1 T T 1',
    reset: '1 T T 1',
    ack: '1 1 1 1',
    epoch: '1 P1 P1 1',
    ping: '1 T T 1',
    token: '1 P1 P1 1',
    goaway: 'T T T T',
    price: '1 P1 P1 1',
    resume: '1 1 1 T',
    window: '1 P1 P1 1',
    meter: '1 P1 P1 1',
  },
  node: {
    hello: 'T 1 1 1',
    welcome: '1 1 1 1',
    open: '1 T T 1',
    accept: '1 1 1 1',
    data: '1 T T 1',
    credit: '1 T T 1',
    reset: '1 T T 1',
    ack: '1 P6 P6 1',
    epoch: '1 1 1 1',
    ping: '1 T T 1',
    token: '1 P6 P6 1',
    goaway: '1 T T T',
    price: '1 1 1 1',
    resume: '1 6 6 T',
    window: '1 1 1 1',
    meter: '1 1 1 1',
  },
}

test.each([false, true])('every frame type in every phase of both roles has the verdict of the table, paying: %s', (isPaying) => {
  const wrong: unknown[] = []
  for (const role of ROLES) {
    for (const [column, phase] of PHASES.entries()) {
      for (let type = 0; type < 256; type++) {
        const name = Object.entries(FRAME).find(([, value]) => value === type)?.[0]
        const cell = name === undefined ? '1' : (TABLE[role][name]!.split(' ')[column] ?? '')
        const isTaken = cell === 'T' || (isPaying && cell.startsWith('P'))
        const expected: Verdict = column > 3 ? 'ignore' : isTaken ? 'take' : Number(cell.replace('P', ''))
        if (verdictOf(role, phase, type, isPaying) !== expected) wrong.push({ role, phase, type })
      }
    }
  }
  expect(wrong).toEqual([])
})

interface Subject {
  readonly core: SessionCore
  readonly lane: CoreLane | undefined
}

/** A core of each role in each phase, with one accepted lane where the phase can have one. */
function subjectIn(role: Role, phase: Phase): Subject {
  if (phase === 'greeting') return { core: role === 'client' ? createClientCore() : createNodeCore(), lane: undefined }
  if (phase === 'suspended' || phase === 'resuming') return subjectBetween(role, phase)
  const { client, node } = greeted()
  const clientLane = client.open(0, new Uint8Array(), 1_000)!
  const [request] = feed(node, drain(client)) as [Extract<Effect, { type: 'request' }>]
  node.accept(request.lane, new Uint8Array(), 1_000)
  feed(client, drain(node))
  if (phase === 'draining') {
    node.drain(0, [])
    feed(client, drain(node))
  }
  const subject = role === 'client' ? { core: client, lane: clientLane } : { core: node, lane: request.lane }
  if (phase === 'closing' || phase === 'closed') subject.core.leave(25, [])
  if (phase === 'closed') subject.core.lose('gone', [])
  return subject
}

/** Of a session that pays, whose channel broke. */
function subjectBetween(role: Role, phase: 'suspended' | 'resuming'): Subject {
  const world = resumable()
  const { atClient, atNode } = openLane(world)
  lose(world)
  if (phase === 'resuming') {
    reattach(world)
    feed(world.client, drain(world.node).subarray(0, WELCOME_BYTES))
    drain(world.client)
  }
  return role === 'client' ? { core: world.client, lane: atClient } : { core: world.node, lane: atNode }
}

const WELCOME_BYTES = 8 + 169
const CALLS: Record<string, (subject: Subject, effects: Effect[]) => unknown> = {
  open: ({ core }) => core.open(0, new Uint8Array(), 1_000),
  accept: ({ core, lane }) => lane && core.accept(lane, new Uint8Array(), 1_000),
  write: ({ core, lane }) => lane && core.write(lane, [new Uint8Array(10)], 'token'),
  end: ({ core, lane }, effects) => lane && core.end(lane, effects),
  reset: ({ core, lane }, effects) => lane && core.reset(lane, 25, 'reason', effects),
  consume: ({ core, lane }) => lane && core.consume(lane, 0),
  'tick, early': ({ core }, effects) => core.tick(1, effects),
  'tick, late': ({ core }, effects) => core.tick(1e9, effects),
  'tick, twice late': ({ core }, effects) => [core.tick(1e9, effects), core.tick(2e9, effects)],
  leave: ({ core }, effects) => core.leave(25, effects),
  'leave, twice': ({ core }, effects) => [core.leave(25, effects), core.leave(25, effects)],
  drain: ({ core }, effects) => core.drain(0, effects),
  lose: ({ core }, effects) => core.lose('gone', effects),
  'lose, twice': ({ core }, effects) => [core.lose('gone', effects), core.lose('gone', effects)],
  'lose, and may come back': ({ core }, effects) => core.lose('gone', effects, 0),
  adopt: ({ core }) => core.adopt(new Uint8Array(169), 0),
  resume: ({ core }) => core.resume({ helloBody: new Uint8Array(199), answer: () => expect.unreachable() }, 0),
  'receive nothing': ({ core }, effects) => core.receive(new Uint8Array(), 0, effects),
}
const BODIES: Record<string, Uint8Array> = {
  open: encodeOpen({ serviceId: 0, initialCredit: 1, metadata: new Uint8Array() }),
  accept: new Uint8Array(6),
  credit: encodeCredit(1),
  reset: encodeReset({ code: 1, offset: 0n, reason: '' }),
  ping: new Uint8Array(8),
  resume: encodeResume({ epoch: 5n, lanes: [], chains: [] }),
  goaway: encodeGoaway({ code: 17, retryAfterMs: 0, nodes: [] }),
  'goaway, other': encodeGoaway({ code: 16, retryAfterMs: 0, nodes: [] }),
}
const SESSION_FRAMES = new Set<number>([FRAME.ping, FRAME.goaway, FRAME.resume])
for (const [name, type] of Object.entries(FRAME)) {
  CALLS[`frame ${name}`] = ({ core, lane }, effects) =>
    core.receive(encodeFrame(type, 0, SESSION_FRAMES.has(type) ? 0 : (lane?.id ?? 1), BODIES[name] ?? new Uint8Array(2)), 0, effects)
}
CALLS['frame goaway, other'] = ({ core }, effects) => core.receive(encodeFrame(FRAME.goaway, 0, 0, BODIES['goaway, other']!), 0, effects)

/** What a closing core has to send, and no more. */
const GOAWAY_BYTES = 8 + 7
const CASES = ROLES.flatMap((role) => PHASES.flatMap((phase) => Object.keys(CALLS).map((call) => [role, phase, call] as const)))

/** What follows each event, pinned: phase afterwards and effects, so that a change of any cell is seen. */
test('every event in every phase is defined, throws nothing, and nothing follows the end', async () => {
  const cells: string[] = []
  for (const [role, phase, call] of CASES) {
    const subject = subjectIn(role, phase)
    expect(subject.core.phase).toBe(phase)
    const effects: Effect[] = []
    CALLS[call]!(subject, effects)
    const sent = drain(subject.core, effects)
    const isLate = (phase === 'closing' && sent.length > GOAWAY_BYTES) || (phase === 'closed' && sent.length > 0)
    const told = effects.map((effect) => (effect.type === 'over' ? `over:${effect.why}:${effect.code}` : effect.type))
    expect(told.filter((effect) => effect.startsWith('over')).length, `${role} ${phase} ${call}`).toBeLessThanOrEqual(1)
    const isOver = phase === 'closing' || phase === 'closed'
    if ((isOver && told.length > 0) || isLate) cells.push(`WRONG ${role} ${phase} ${call}`)
    cells.push(`${role} ${phase} ${call} -> ${[subject.core.phase, ...told].join(' ')}`)
  }
  expect(cells.filter((cell) => cell.startsWith('WRONG'))).toEqual([])
  await expect(cells.join('\n')).toMatchFileSnapshot('state-table.txt')
})

test('a session is over once: after it every call leaves the core as it is', () => {
  const { core, lane } = subjectIn('node', 'closed')
  for (const call of Object.values(CALLS)) call({ core, lane }, [])
  expect([core.phase, core.hasOutput, core.deadlineMs]).toEqual(['closed', false, Number.POSITIVE_INFINITY])
  expect(CLIENT.publicKey).toHaveLength(32)
})
