import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Bench, medianOf, ratioOf } from '../bench/bench.ts'
import { measureAll } from '../bench/main.ts'
import { recordOf, tableOfResults } from '../bench/report.ts'
import { type AllTimes, busiestForeign, cpuOfAll } from '../bench/undisturbed.ts'
import { plant } from './planted.ts'

/** Two subjects whose figures are chosen; each logs its process, so that order and freshness can be read. */
const benchFile = `
import { appendFileSync } from 'node:fs'
const said = (subject, value) => () => {
  appendFileSync('log', subject + ' ' + process.pid + '\\n')
  return { figure: () => value }
}
export const benches = [{ name: 'job', unit: 'ms', subjects: { ours: said('ours', 2), peer: said('peer', 5) }, goals: { peer: 2 }, samples: 3 }]
`

/** Of no process. */
const FREE_PID = 2 ** 31

/** A machine with one process beside us, which is busy in those tries that say so, in the order in which any are begun. */
function strangerIn(...tries: readonly boolean[]): () => AllTimes {
  let [looks, cpuSeconds] = [0, 0]
  return () => {
    if (looks % 2 === 1 && tries[(looks - 1) / 2] === true) cpuSeconds += 1_000
    looks++
    return new Map([[FREE_PID, { name: 'stranger', parent: 1, cpuSeconds }]])
  }
}

test('samples alternate, each in a process of its own, and the table shows the ratio', async () => {
  const root = plant({ 'a.bench.ts': benchFile })
  const measured = await measureAll([join(root, 'a.bench.ts')], {}, strangerIn())
  const log = readFileSync(join(root, 'log'), 'utf8').trim().split('\n')
  expect(log.map((line) => line.split(' ')[0])).toEqual(['ours', 'peer', 'ours', 'peer', 'ours', 'peer'])
  expect(new Set(log.map((line) => line.split(' ')[1])).size).toBe(6)
  const context = { root, room: 'room', peers: { peer: '1.2.3' }, command: 'pnpm bench room' }
  expect(tableOfResults(measured, context)).toContain('| job | 2 ms [2–2] | peer | 5 ms [5–5] | 2.50× | ≥ 2× |')
  expect(tableOfResults(measured, context)).toContain('more than 5 % of a core.')
  const [first] = measured
  const harder = { ...first, bench: { ...first?.bench, goals: { peer: 3 } } } as (typeof measured)[number]
  expect(tableOfResults([harder], context)).toContain('| 2.50× | ≥ 3×, missed |')
  expect(recordOf(measured[0] as (typeof measured)[number], context)).toMatchObject({
    ratios: { peer: 2.5 },
    samples: { ours: [2, 2, 2] },
    foreign: { shareMax: 0, disturbed: 0, samples: 6 },
    command: 'pnpm bench room',
  })
})

test('a sample beside which another process was busy is taken again, three times at most; the last one stands and says so', async () => {
  const root = plant({ 'a.bench.ts': benchFile })
  const look = strangerIn(true, false, true, true, true)
  const measured = await measureAll([join(root, 'a.bench.ts')], { samples: 1 }, look)
  const log = readFileSync(join(root, 'log'), 'utf8').trim().split('\n')
  expect(log.map((line) => line.split(' ')[0])).toEqual(['ours', 'ours', 'peer', 'peer', 'peer'])
  const { ours, peer } = (measured[0] as (typeof measured)[number]).samples
  expect([ours?.map(({ foreign }) => foreign.share), peer?.map(({ foreign }) => foreign.name)]).toEqual([[0], ['stranger']])
  const context = { root, room: 'room', peers: {}, command: 'pnpm bench room' }
  expect(tableOfResults(measured, context)).toContain('of a core, which 1 of 2 still had beside them the third time (at most ')
  expect(recordOf(measured[0] as (typeof measured)[number], context)).toMatchObject({ foreign: { disturbed: 1, samples: 2 } })
})

test('busy outside is neither this process nor what it started, nor a thread of the kernel', () => {
  const timesAt = (seconds: number): AllTimes =>
    new Map([
      [process.pid, { name: 'us', parent: 1, cpuSeconds: 9 * seconds }],
      [FREE_PID + 1, { name: 'child', parent: process.pid, cpuSeconds: 9 * seconds }],
      [FREE_PID + 2, { name: 'grandchild', parent: FREE_PID + 1, cpuSeconds: 9 * seconds }],
      [FREE_PID + 3, { name: 'kernel', parent: 2, cpuSeconds: 9 * seconds }],
      [FREE_PID + 4, { name: 'stranger', parent: 1, cpuSeconds: 100 + seconds }],
    ])
  expect(busiestForeign(timesAt(0), timesAt(1), 10)).toEqual({ name: 'stranger', share: 0.1 })
  const young = new Map(timesAt(1)).set(FREE_PID + 5, { name: 'young', parent: FREE_PID + 4, cpuSeconds: 2 })
  expect(busiestForeign(timesAt(0), young, 10)).toEqual({ name: 'young', share: 0.2 })
  expect(busiestForeign(timesAt(1), timesAt(1), 10)).toEqual({ name: 'none', share: 0 })
  expect(busiestForeign(new Map(), new Map(), 10)).toEqual({ name: 'unknown', share: 0 })
})

test.runIf(process.platform === 'linux')('of every process its parent and its CPU time are read', () => {
  const all = cpuOfAll()
  expect(all.get(process.pid)).toMatchObject({ parent: process.ppid })
  expect(all.get(process.pid)!.cpuSeconds).toBeGreaterThan(0)
  expect(all.get(process.ppid)!.name).not.toBe('')
})

test('a subject that fails ends the run with what it printed', async () => {
  const root = plant({
    'a.bench.ts': "export const benches = [{ name: 'job', unit: 'ms', subjects: { ours() { throw new Error('planted fault') } } }]",
  })
  await expect(measureAll([join(root, 'a.bench.ts')], { samples: 1 }, strangerIn())).rejects.toThrow(/planted fault/)
})

test('work is timed and its throughput derived', async () => {
  const work =
    "const data = new Uint8Array(1024)\nconst each = () => data.fill(1)\nexport const benches = [{ name: 'fill', unit: 'MiB/s', subjects: { ours: () => ({ each, bytes: 1024 }) } }]"
  const root = plant({ 'a.bench.ts': work })
  const [measured] = await measureAll([join(root, 'a.bench.ts')], { samples: 1 }, strangerIn())
  expect(measured?.samples.ours?.[0]?.value).toBeGreaterThan(0)
})

test('better is more where the unit is a rate and less where it is a cost', () => {
  const units: Bench['unit'][] = ['MiB/s', 'ns']
  expect(units.map((unit) => ratioOf(unit, 10, 5))).toEqual([2, 0.5])
  expect([medianOf([3, 1, 2]), medianOf([4, 1, 2, 3])]).toEqual([2, 2.5])
})
