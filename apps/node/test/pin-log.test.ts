// Goal: what is kept for whom is on disk when it is said to be, whole or not at all, and a file that went bad costs what went bad.
// Method: the real log on a real folder; every byte of a record flipped, the file cut at every place; and a child that is killed with -9 in
// the middle of payments, whose word of what was on disk is held against what another process reads.
import { spawn } from 'node:child_process'
import { appendFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { decodePinRecord, encodePinRecord, openPinLog, type PinRecord, RECORD_BYTES } from '../src/pins/pin-log.ts'
import { scratchFolder } from './harness.ts'

const HEAD_BYTES = 16
const CHILD = join(import.meta.dirname, 'pins', 'paying.child.ts')

function recordOf(fill: number, paidEpoch = 7n): PinRecord {
  return { account: new Uint8Array(20).fill(fill), root: new Uint8Array(32).fill(fill + 1), size: 1_000 + fill, paidEpoch }
}

async function readIn(folder: string): Promise<{ records: readonly PinRecord[]; damaged: number }> {
  const { log, records, damaged } = await openPinLog(folder, () => [])
  await log.stop()
  return { records, damaged }
}

test('a record is written out, and is the only encoding of what it says', () => {
  const bytes = encodePinRecord(recordOf(1, 258n))
  const hex = Buffer.from(bytes).toString('hex')
  expect(hex.slice(0, 136)).toBe(`${'01'.repeat(20)}${'02'.repeat(32)}e903000000000000${'0201000000000000'}`)
  expect(bytes).toHaveLength(RECORD_BYTES)
  expect(decodePinRecord(bytes)).toEqual(recordOf(1, 258n))
  for (let place = 0; place < bytes.length; place++) {
    for (const flip of [1, 0x80, 0xff]) {
      const changed = bytes.slice()
      changed[place] = changed[place]! ^ flip
      expect(decodePinRecord(changed)).toBeUndefined()
    }
    expect(decodePinRecord(bytes.subarray(0, place))).toBeUndefined()
  }
  expect(decodePinRecord(Uint8Array.of(...bytes, 0))).toBeUndefined()
  for (const wrong of [
    { size: -1 },
    { size: 0.5 },
    { size: 2 ** 53 },
    { paidEpoch: -1n },
    { paidEpoch: 2n ** 64n },
    { root: new Uint8Array(31) },
  ])
    expect(() => encodePinRecord({ ...recordOf(1), ...wrong })).toThrow(/NODE_PIN_FILE|u64|bytes/)
})

test('what was appended is read again, in order, in batches or one by one', async () => {
  const folder = join(await scratchFolder(), 'pins')
  const first = await openPinLog(folder, () => [])
  expect(first.records).toEqual([])
  await Promise.all([1, 2, 3].map((fill) => first.log.append(recordOf(fill))))
  await first.log.append(recordOf(4))
  await first.log.stop()
  expect(await readIn(folder)).toEqual({ records: [1, 2, 3, 4].map((fill) => recordOf(fill)), damaged: 0 })
  expect((await stat(join(folder, 'pins.log'))).mode & 0o777).toBe(0o600)
  await expect(first.log.append(recordOf(5))).rejects.toMatchObject({ code: 'NODE_PIN_FILE' })
})

test('a file that was cut anywhere gives what is whole of it, and goes on from there', async () => {
  const folder = join(await scratchFolder(), 'pins')
  await mkdir(folder)
  const path = join(folder, 'pins.log')
  const { log } = await openPinLog(folder, () => [])
  for (const fill of [1, 2]) await log.append(recordOf(fill))
  await log.stop()
  const whole = await readFile(path)
  for (let length = 0; length <= whole.length; length++) {
    await writeFile(path, whole.subarray(0, length))
    const kept = [1, 2].slice(0, Math.max(0, Math.floor((length - HEAD_BYTES) / RECORD_BYTES))).map((fill) => recordOf(fill))
    const again = await openPinLog(folder, () => [])
    expect([length, again.records, again.damaged]).toEqual([length, kept, 0])
    await again.log.append(recordOf(9))
    await again.log.stop()
    expect((await readIn(folder)).records).toEqual([...kept, recordOf(9)])
  }
})

test('a record that went bad is passed over and counted; another file is refused and left as it is', async () => {
  const folder = join(await scratchFolder(), 'pins')
  const { log } = await openPinLog(folder, () => [])
  for (const fill of [1, 2, 3]) await log.append(recordOf(fill))
  await log.stop()
  const path = join(folder, 'pins.log')
  const bytes = await readFile(path)
  bytes[HEAD_BYTES + RECORD_BYTES + 40] = bytes[HEAD_BYTES + RECORD_BYTES + 40]! ^ 1
  await writeFile(path, bytes)
  expect(await readIn(folder)).toEqual({ records: [recordOf(1), recordOf(3)], damaged: 1 })
  bytes[14] = 0x32 // version 2
  await writeFile(path, bytes)
  await expect(openPinLog(folder, () => [])).rejects.toMatchObject({ code: 'NODE_PIN_FILE' })
  expect(await readFile(path)).toEqual(bytes)
})

test('a log of payments that count no more is written anew, and stays as large as what counts', async () => {
  const folder = join(await scratchFolder(), 'pins')
  const once = recordOf(200, 1n) // for good, and never paid again
  let live: PinRecord[] = [once]
  const { log } = await openPinLog(folder, () => live)
  await log.append(once)
  const path = join(folder, 'pins.log')
  let largest = 0
  for (let round = 0; round < 40; round++) {
    live = [once, ...Array.from({ length: 100 }, (_, fill) => recordOf(fill, BigInt(round)))]
    await Promise.all(live.slice(1).map((record) => log.append(record)))
    largest = Math.max(largest, (await stat(path)).size)
  }
  for (let i = 0; i < 50; i++) await Promise.all(live.slice(1).map((record) => log.append(record)))
  largest = Math.max(largest, (await stat(path)).size)
  await log.stop()
  expect(largest).toBeLessThanOrEqual(HEAD_BYTES + (2 * 101 + 4_096) * RECORD_BYTES)
  const { records, damaged } = await readIn(folder)
  expect(damaged).toBe(0)
  for (const record of live) expect(records).toContainEqual(record)
})

test('what a crash left of a file that was being written anew is swept', async () => {
  const folder = join(await scratchFolder(), 'pins')
  const { log } = await openPinLog(folder, () => [])
  await log.append(recordOf(1))
  await log.stop()
  await appendFile(join(folder, 'pins.log.part'), 'half of it')
  expect((await readIn(folder)).records).toEqual([recordOf(1)])
  await expect(stat(join(folder, 'pins.log.part'))).rejects.toMatchObject({ code: 'ENOENT' })
})

const FIRST = Number(process.env['SEED'] ?? 1)
const COUNT = Number(process.env['RUNS'] ?? 4)

test.concurrent.for(Array.from({ length: COUNT }, (_, i) => FIRST + i))(
  'what was said to be paid is there after kill -9 in the middle of payments, seed %i',
  { timeout: 300_000 },
  async (seed, { expect }) => {
    const top = await mkdtemp(join(tmpdir(), 'selvedge-pins-'))
    const folder = join(top, 'pins')
    const paid = new Map<number, number>()
    for (let life = 0; life < 4; life++) {
      const child = spawn(process.execPath, ['--conditions=@selvedge/source', CHILD, folder, String(life)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const exited = new Promise<NodeJS.Signals | null>((resolve) => child.on('exit', (_, signal) => resolve(signal)))
      let lines = 0
      for await (const line of createInterface({ input: child.stdout })) {
        const [fill, epoch] = line.split(' ').map(Number)
        paid.set(fill!, Math.max(paid.get(fill!) ?? 0, epoch!))
        if (++lines === 200 + ((seed * 7_919 + life * 104_729) % 5_000)) child.kill('SIGKILL') // beyond 4,296 records it is written anew
      }
      expect(await exited).toBe('SIGKILL')
      const { log, records, damaged } = await openPinLog(folder, () => [])
      await log.stop()
      expect(damaged).toBe(0)
      const found = new Map<number, number>()
      for (const { account, paidEpoch } of records) found.set(account[0]!, Math.max(found.get(account[0]!) ?? 0, Number(paidEpoch)))
      for (const [fill, epoch] of paid) expect(found.get(fill)).toBeGreaterThanOrEqual(epoch)
    }
    await rm(top, { recursive: true })
  },
)
