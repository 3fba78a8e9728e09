import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Bench, medianOf, ratioOf } from '../bench/bench.ts'
import { measureAll } from '../bench/main.ts'
import { recordOf, tableOfResults } from '../bench/report.ts'
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

test('samples alternate, each in a process of its own, and the table shows the ratio', async () => {
  const root = plant({ 'a.bench.ts': benchFile })
  const measured = await measureAll([join(root, 'a.bench.ts')], {})
  const log = readFileSync(join(root, 'log'), 'utf8').trim().split('\n')
  expect(log.map((line) => line.split(' ')[0])).toEqual(['ours', 'peer', 'ours', 'peer', 'ours', 'peer'])
  expect(new Set(log.map((line) => line.split(' ')[1])).size).toBe(6)
  const context = { root, room: 'room', peers: { peer: '1.2.3' }, command: 'pnpm bench room' }
  expect(tableOfResults(measured, context)).toContain('| job | 2 ms [2–2] | peer | 5 ms [5–5] | 2.50× | ≥ 2× |')
  const [first] = measured
  const harder = { ...first, bench: { ...first?.bench, goals: { peer: 3 } } } as (typeof measured)[number]
  expect(tableOfResults([harder], context)).toContain('| 2.50× | ≥ 3×, missed |')
  expect(recordOf(measured[0] as (typeof measured)[number], context)).toMatchObject({
    ratios: { peer: 2.5 },
    samples: { ours: [2, 2, 2] },
    command: 'pnpm bench room',
  })
})

test('a subject that fails ends the run with what it printed', async () => {
  const root = plant({
    'a.bench.ts': "export const benches = [{ name: 'job', unit: 'ms', subjects: { ours() { throw new Error('planted fault') } } }]",
  })
  await expect(measureAll([join(root, 'a.bench.ts')], { samples: 1 })).rejects.toThrow(/planted fault/)
})

test('work is timed and its throughput derived', async () => {
  const work =
    "const data = new Uint8Array(1024)\nconst each = () => data.fill(1)\nexport const benches = [{ name: 'fill', unit: 'MiB/s', subjects: { ours: () => ({ each, bytes: 1024 }) } }]"
  const root = plant({ 'a.bench.ts': work })
  const [measured] = await measureAll([join(root, 'a.bench.ts')], { samples: 1 })
  expect(measured?.samples.ours?.[0]?.value).toBeGreaterThan(0)
})

test('better is more where the unit is a rate and less where it is a cost', () => {
  const units: Bench['unit'][] = ['MiB/s', 'ns']
  expect(units.map((unit) => ratioOf(unit, 10, 5))).toEqual([2, 0.5])
  expect([medianOf([3, 1, 2]), medianOf([4, 1, 2, 3])]).toEqual([2, 2.5])
})
