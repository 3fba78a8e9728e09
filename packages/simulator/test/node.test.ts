import { createDisk, createNetwork, createNode, createSimulator, fixedLatency, startChurn, type SimulatedNode } from '@selvedge/simulator'
import { expect, test } from 'vitest'

test('a node boots at once and at each restart, with chance of its own for each boot', () => {
  const sim = createSimulator(1)
  const draws: number[] = []
  const node = createNode(sim, 2, (self) => draws.push(self.random.u32()))
  const again = createNode(createSimulator(1), 2, (self) => draws.push(self.random.u32()))
  node.crash()
  node.restart()
  node.restart() // is up: nothing
  expect([draws[0] === draws[1], draws[2] !== draws[0], draws.length, node.boots, again.boots]).toEqual([true, true, 3, 2, 1])
})

test('timers and work of an earlier boot never run', () => {
  const sim = createSimulator(1)
  const ran: string[] = []
  const node = createNode(sim, 0, (self) => self.after(10, () => ran.push(`boot ${self.boots} at ${sim.now()}`)))
  sim.at(5, () => {
    node.run(() => ran.push('work'), 3)
    node.crash()
    expect(() => node.run(() => {})).toThrow(expect.objectContaining({ code: 'SIMULATOR_DOWN', details: { node: 0 } }))
    node.crash() // is down: nothing
  })
  sim.at(7, () => node.restart())
  sim.run(100)
  expect(ran).toEqual(['boot 2 at 17'])
})

test('a timer can be cancelled', () => {
  const sim = createSimulator(1)
  let calls = 0
  createNode(sim, 0, (self) => self.after(10, () => (calls += 1))())
  sim.run(100)
  expect(calls).toBe(0)
})

test('a processor does one thing after the other, and timers wait for it', () => {
  const sim = createSimulator(1)
  const ran: (readonly [string, number])[] = []
  const node = createNode(sim, 0, () => {}, {}, { cpuMs: 4 })
  node.after(5, () => ran.push(['timer', sim.now()]))
  for (const name of ['a', 'b']) node.run(() => ran.push([name, sim.now()]))
  node.run(() => ran.push(['free', sim.now()]), 0)
  sim.at(20, () => {
    node.pause(30)
    node.run(() => ran.push(['late', sim.now()]), 1)
  })
  sim.run(100)
  expect(ran).toEqual([
    ['a', 4],
    ['b', 8],
    ['free', 8],
    ['timer', 12],
    ['late', 51],
  ])
})

test('clocks: the wall has a skew and jumps, the monotonic one begins anew and never falls, both drift', () => {
  const sim = createSimulator(1)
  const node = createNode(sim, 0, () => {}, {}, { skewMs: -600_000, driftPpm: 100_000, unixMsStart: 1e12 })
  const clocks = (): readonly [number, number] => [Math.round(node.nowMs()), node.unixMs() - 1e12]
  sim.run(1000)
  expect(clocks()).toEqual([1100, -598_900])
  node.setDrift(0)
  sim.run(2000)
  expect(clocks()).toEqual([2100, -597_900])
  node.jumpWall(-10_000)
  node.jumpMonotonic(500)
  expect(clocks()).toEqual([2600, -607_900])
  node.crash()
  sim.run(3000)
  node.restart()
  sim.run(3500)
  expect(clocks()).toEqual([500, -606_400])
  expect(() => node.jumpMonotonic(-1)).toThrow('never falls')
})

test('a fast clock makes its timers early, a slow one late', () => {
  const sim = createSimulator(1)
  const at: number[] = []
  for (const [index, driftPpm] of [250_000, 0, -200_000].entries()) {
    createNode(sim, index, (self) => self.after(100, () => at.push(sim.now())), {}, { driftPpm })
  }
  sim.run(1000)
  expect(at).toEqual([80, 100, 125])
})

test('a crash takes the network and the disk with it', () => {
  const sim = createSimulator(1)
  const heard: number[] = []
  const network = createNetwork<number>(sim, (to) => heard.push(to), { nodes: 2, latency: fixedLatency(1) })
  const disk = createDisk(sim, sim.stream('disk'))
  const node = createNode(sim, 1, () => {}, { network, disk })
  disk.append('log', Uint8Array.of(1))
  node.crash('none')
  disk.append('log', Uint8Array.of(2))
  network.send(0, 1, 1, 1)
  sim.run(10)
  node.restart()
  node.crash('all')
  node.restart()
  network.send(0, 1, 1, 1)
  sim.run(20)
  expect([heard, [...disk.read('log')!]]).toEqual([[1], [1]])
})

test('churn: nodes come and go in sessions of the given length, until it is stopped', () => {
  const sim = createSimulator(3)
  const nodes: SimulatedNode[] = Array.from({ length: 200 }, (_, index) => createNode(sim, index, () => {}))
  const stop = startChurn(sim, sim.stream('churn'), nodes, { sessionMs: 1000, absenceMs: 1000, shape: 1 })
  sim.run(20_000)
  const up = nodes.filter(({ isUp }) => isUp).length
  expect([up > 70, up < 130]).toEqual([true, true]) // half of 200
  const boots = nodes.reduce((sum, each) => sum + each.boots, 0) / 200
  expect(Math.abs(boots - 11)).toBeLessThan(1.5) // the first, and one each 2,000 ms
  stop()
  const states = (): string[] => nodes.map(({ boots: count, isUp }) => `${count} ${isUp}`)
  const before = states()
  sim.run(40_000)
  expect(states()).toEqual(before)
})
