import { createDisk, createRandom, createSimulator, type Disk, type DiskOptions, type Loss, type Simulator } from '@selvedge/simulator'
import { expect, test } from 'vitest'

const FIRST = Number(process.env.SEED ?? 1)
const RUNS = Number(process.env.RUNS ?? 300)
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

function create(options: DiskOptions = {}, seed = 1): { sim: Simulator; disk: Disk; read: (file: string) => string | undefined } {
  const sim = createSimulator(seed)
  const disk = createDisk(sim, sim.stream('disk', 0), options)
  const read = (file: string): string | undefined => {
    const bytes = disk.read(file)
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes)
  }
  return { sim, disk, read }
}

test('writes are read back at once, whether synced or not', () => {
  const { disk, read } = create()
  disk.append('log', bytesOf('one '))
  disk.append('log', bytesOf('two'))
  disk.put('state', bytesOf('old'))
  disk.put('state', bytesOf('newer'))
  disk.put('gone', bytesOf('x'))
  disk.remove('gone')
  expect([read('log'), read('state'), read('gone'), disk.files(), disk.bytesUsed]).toEqual([
    'one two',
    'newer',
    undefined,
    ['log', 'state'],
    12,
  ])
})

test('bytes are copied in and out', () => {
  const { disk, read } = create()
  const bytes = bytesOf('abc')
  disk.append('log', bytes)
  bytes.fill(0)
  disk.read('log')!.fill(0)
  expect(read('log')).toBe('abc')
})

test('a sync covers what was written before it, takes its time, and keeps its place in the queue', () => {
  const { sim, disk, read } = create({ syncMsMin: 5, syncMsMax: 5 })
  const done: (readonly [string, number])[] = []
  disk.append('log', bytesOf('a'))
  disk.sync(() => done.push(['first', sim.now()]))
  disk.append('log', bytesOf('b'))
  disk.setSyncMs(1)
  disk.sync(() => done.push(['second', sim.now()]))
  disk.append('log', bytesOf('c'))
  sim.run(100)
  disk.crash('all')
  expect([done, read('log')]).toEqual([
    [
      ['first', 5],
      ['second', 5],
    ],
    'ab',
  ])
})

test('a crash ends syncs that run: nothing is called, nothing is durable', () => {
  const { sim, disk, read } = create({ syncMsMin: 5 })
  let calls = 0
  disk.append('log', bytesOf('a'))
  disk.sync(() => (calls += 1))
  sim.run(4)
  disk.crash('all')
  disk.append('log', bytesOf('z'))
  sim.run(100)
  expect([calls, read('log')]).toEqual([0, 'z'])
  disk.crash('all')
  expect([read('log'), disk.bytesUsed, disk.counts.lostWrites]).toEqual([undefined, 0, 2])
})

test('a process that dies alone loses nothing', () => {
  const { disk, read } = create()
  disk.append('log', bytesOf('a'))
  disk.crash('none')
  disk.crash('all')
  expect(read('log')).toBe('a')
})

interface Outcome {
  readonly log: string
  readonly state: string | undefined
  readonly other: string
}

/** "base" and "s0" are synced; then four appends, a put in their middle, and two appends elsewhere are not. */
function crashOnce(loss: Loss, seed: number): Outcome {
  const { sim, disk, read } = create({}, seed)
  disk.append('log', bytesOf('base|'))
  disk.put('state', bytesOf('s0'))
  disk.sync(() => {})
  sim.run(1)
  for (const text of ['one|', 'two|']) disk.append('log', bytesOf(text))
  disk.put('state', bytesOf('s1'))
  for (const text of ['six|', 'ten|']) disk.append('log', bytesOf(text))
  for (const text of ['x|', 'y|']) disk.append('other', bytesOf(text))
  disk.crash(loss)
  return { log: read('log')!, state: read('state'), other: read('other') ?? '' }
}

const outcomesOf = (loss: Loss): Outcome[] => Array.from({ length: RUNS }, (_, i) => crashOnce(loss, FIRST + i))
const WHOLE = 'base|one|two|six|ten|'

test(`with loss "prefix" writes stay in order and whole, and every prefix occurs, seed ${FIRST}`, () => {
  const outcomes = outcomesOf('prefix')
  const orders = outcomes.map(({ log, state, other }) => [log.split('|').length - 2, state, other].join(' '))
  const possible = ['0 s0 ', '1 s0 ', '2 s0 ', '2 s1 ', '3 s1 ', '4 s1 ', '4 s1 x|', '4 s1 x|y|']
  expect(orders.filter((order) => !possible.includes(order))).toEqual([])
  if (RUNS >= 200) expect(new Set(orders).size).toBe(possible.length)
})

test(`with loss "torn" the last append may be cut, nothing before it, and a replaced file never, seed ${FIRST}`, () => {
  const outcomes = outcomesOf('torn')
  for (const { log, state, other } of outcomes) {
    expect(WHOLE.startsWith(log) && 'x|y|'.startsWith(other) && log.startsWith('base|')).toBe(true)
    expect(['s0', 's1']).toContain(state)
    if (log !== WHOLE) expect(other).toBe('')
    if (state === 's1') expect(log.startsWith('base|one|two|')).toBe(true)
  }
  if (RUNS >= 200) expect(outcomes.some(({ log }) => !log.endsWith('|'))).toBe(true)
})

test(`with loss "scattered" each file keeps a prefix of its own, seed ${FIRST}`, () => {
  const outcomes = outcomesOf('scattered')
  for (const { log, other } of outcomes) expect(WHOLE.startsWith(log) && 'x|y|'.startsWith(other) && log.startsWith('base|')).toBe(true)
  if (RUNS >= 200) expect(outcomes.some(({ log, other, state }) => log === 'base|' && other !== '' && state !== undefined)).toBe(true)
})

test('after a crash the disk goes on: what is synced later is kept', () => {
  const { sim, disk, read } = create()
  disk.append('log', bytesOf('lost'))
  disk.crash('all')
  disk.append('log', bytesOf('kept'))
  disk.sync(() => {})
  sim.run(1)
  disk.crash('all')
  expect(read('log')).toBe('kept')
  disk.append('log', bytesOf(' not this'))
  disk.crash('all')
  expect(read('log')).toBe('kept')
})

test('a full disk refuses the write and keeps the file; room that is freed can be used', () => {
  const { disk, read } = create({ bytesMax: 10 })
  disk.append('log', bytesOf('12345678'))
  expect(() => disk.append('log', bytesOf('abc'))).toThrow(
    expect.objectContaining({ code: 'SIMULATOR_DISK_FULL', details: { file: 'log', wanted: 11, bytesMax: 10 } }),
  )
  expect([read('log'), disk.counts.refused]).toEqual(['12345678', 1])
  disk.put('log', bytesOf('123'))
  disk.append('log', bytesOf('abcdefg'))
  expect(disk.bytesUsed).toBe(10)
  disk.setBytesMax(5)
  expect(() => disk.put('other', bytesOf('x'))).toThrow('the disk holds 5 bytes, 11 are wanted')
  disk.put('log', bytesOf('12345'))
  expect(disk.bytesUsed).toBe(5)
})

test.each([{ syncMsMin: -1 }, { syncMsMin: 5, syncMsMax: 1 }, { bytesMax: Number.NaN }])('options %o are refused', (options) => {
  const sim = createSimulator(1)
  expect(() => createDisk(sim, createRandom(1), options)).toThrow(expect.objectContaining({ code: 'SIMULATOR_BAD_ARGUMENT' }))
})
