// Goal: a file that is kept names the version of its layout. Older ones are read and brought to the present one, whatever moment a process ends in; newer
// ones, and heads that were changed, are refused, and then nothing in the folder is.
import { createFileAckStore } from '@selvedge/delivery-acknowledgement/node'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { keptIn, makeOldFiles, OLD_END, OLD_KEPT, type OldFiles, writeOldFiles } from './support/old-store.ts'
import { recordOf } from './support/records.ts'
import { accountOf, EPOCH } from './support/world.ts'

const DAMAGED = 'DELIVERY_ACKNOWLEDGEMENT_DAMAGED'
const FORMAT = 'DELIVERY_ACKNOWLEDGEMENT_FORMAT'
const STANDING = { account: accountOf(3), epoch: EPOCH, lostBytes: 70_000, windowBytes: 65_536, slowUntilBytes: 262_144, defaults: 1 }
const MAGICS = { 'acks.log': 'SVAK', nonces: 'SVNC' } as const
const NAMES = Object.keys(MAGICS) as (keyof typeof MAGICS)[]

let folder = ''
const pathOf = (name: string): string => join(folder, name)
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acks-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

/** The layout as it is written down: `magic 4 · version u32 · check 8`. */
function headOf(name: keyof typeof MAGICS, version: number): Uint8Array {
  const head = Buffer.alloc(8)
  head.write(MAGICS[name], 'latin1')
  head.writeUInt32LE(version, 4)
  return Uint8Array.of(...head, ...createHash('sha256').update(head).digest().subarray(0, 8))
}

/** Every file of the folder, with its bytes. */
async function contents(): Promise<Record<string, string>> {
  const names = (await readdir(folder)).toSorted()
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(pathOf(name), 'hex')])))
}

/** A store with nothing in its log but a standing, the shortest entry, and one block of nonces given out. */
async function makeStore(): Promise<void> {
  const store = await createFileAckStore(folder)
  store.putStanding!(STANDING)
  store.nextNonceBlock()
  await store.stop()
}

async function expectRefused(code: string, details: object): Promise<void> {
  const before = await contents()
  await expect(createFileAckStore(folder)).rejects.toMatchObject({ code, details })
  expect(await contents()).toEqual(before)
}

test('both files begin with magic, version and a check over both, also when the log is written anew', async () => {
  await makeStore()
  const nonces = Uint8Array.of(...headOf('nonces', 1), 0, 0, 1, 0, 0, 0, 0, 0)
  const check = createHash('sha256').update(nonces).digest().subarray(0, 8)
  expect(await readFile(pathOf('nonces'))).toEqual(Buffer.concat([nonces, check]))
  expect((await readFile(pathOf('acks.log'))).subarray(0, 16)).toEqual(Buffer.from(headOf('acks.log', 1)))
  const store = await createFileAckStore(folder)
  for (let seq = 1; seq <= 200; seq++) {
    for (let chain = 0; chain < 20; chain++) store.put(recordOf(chain, seq))
    await store.flush()
  }
  await store.stop()
  const log = await readFile(pathOf('acks.log'))
  expect(log.length).toBeLessThan(1_200_000) // it was
  expect(log.subarray(0, 16)).toEqual(Buffer.from(headOf('acks.log', 1)))
  const again = await createFileAckStore(folder)
  expect([again.all(EPOCH).length, again.standings!()]).toEqual([20, [STANDING]])
  await again.stop()
})

test.each(NAMES)('a newer version of %s is refused by its number, and nothing in the folder is changed', async (name) => {
  await mkdir(pathOf('made'))
  const old = await makeOldFiles(pathOf('made'))
  await rm(pathOf('made'), { recursive: true })
  await writeOldFiles(folder, old) // the other file is of version 0, and stays so
  await writeFile(pathOf('acks.log.new'), 'of a process that was killed')
  for (const found of [2, 2 ** 32 - 1]) {
    await writeFile(pathOf(name), Uint8Array.of(...headOf(name, found), 1, 2, 3)) // whatever its layout is
    await expectRefused(FORMAT, { path: pathOf(name), found, known: 1 })
  }
  await writeOldFiles(folder, old)
  expect(await keptIn(folder)).toEqual(OLD_KEPT)
})

test('every bit of a head or of the counter, flipped, is damage: nothing is changed, and no nonce comes again', async () => {
  await makeStore()
  for (const name of NAMES) {
    const whole = await readFile(pathOf(name))
    for (let bit = 0; bit < 8 * (name === 'nonces' ? whole.length : 16); bit++) {
      const changed = Uint8Array.from(whole)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      await writeFile(pathOf(name), changed)
      await expectRefused(DAMAGED, { path: pathOf(name) })
    }
    await writeFile(pathOf(name), whole)
  }
  const store = await createFileAckStore(folder)
  expect([store.standings!(), store.nextNonceBlock()]).toEqual([[STANDING], 65_536n])
  await store.stop()
})

test('a head that is cut, a version 0 with a head, a counter cut anywhere or of no block, and another file are damage', async () => {
  await makeStore()
  const [log, nonces] = await Promise.all(NAMES.map((name) => readFile(pathOf(name))))
  const rows: (readonly [keyof typeof MAGICS, Uint8Array])[] = [
    ...Array.from({ length: 12 }, (_, i) => ['acks.log', log!.subarray(0, 4 + i)] as const),
    ['acks.log', Uint8Array.of(...headOf('acks.log', 0), ...log!.subarray(16))],
    ['acks.log', headOf('nonces', 1)],
    ['acks.log', new TextEncoder().encode('another file')],
    ...Array.from(nonces!, (_, length) => ['nonces', nonces!.subarray(0, length)] as const),
    ['nonces', Uint8Array.of(...nonces!, 0)],
    ['nonces', headOf('nonces', 0)],
    ['nonces', new Uint8Array(8)], // version 0 was never written before a block was given out
    ['nonces', Uint8Array.of(1, 0, 1, 0, 0, 0, 0, 0)],
  ]
  for (const [name, bytes] of rows) {
    await writeFile(pathOf(name), bytes)
    await expectRefused(DAMAGED, { path: pathOf(name) })
    await writeFile(pathOf(name), name === 'nonces' ? nonces! : log!)
  }
})

describe('a store of version 0', () => {
  let old: OldFiles
  /** What comes of it. */
  let present: OldFiles
  beforeEach(async () => {
    await mkdir(pathOf('made'))
    old = await makeOldFiles(pathOf('made'))
    await rm(pathOf('made'), { recursive: true })
    await writeOldFiles(folder, old)
    const store = await createFileAckStore(folder)
    await store.stop()
    present = { log: await readFile(pathOf('acks.log')), nonces: await readFile(pathOf('nonces')) }
    await writeOldFiles(folder, old)
  })

  test('is read, and is of the present version once it was opened', async () => {
    expect(old.nonces).toEqual(Uint8Array.of(0, 0, 1, 0, 0, 0, 0, 0))
    expect(await keptIn(folder)).toEqual(OLD_KEPT)
    expect((await contents())['acks.log']).toBe(Buffer.from(present.log).toString('hex'))
    expect(Buffer.from(present.log).subarray(0, 16)).toEqual(Buffer.from(headOf('acks.log', 1)))
    expect(Buffer.from(present.nonces).subarray(0, 16)).toEqual(Buffer.from(headOf('nonces', 1)))
    expect(await keptIn(folder)).toEqual({ ...OLD_KEPT, nonce: 2n * OLD_END })
    expect(Object.keys(await contents())).toEqual(['acks.log', 'nonces'])
  })

  test('is read up to its torn end, and refused where good entries follow', async () => {
    await writeFile(pathOf('acks.log'), Buffer.concat([old.log, old.log.subarray(0, 100)]))
    expect(await keptIn(folder)).toEqual(OLD_KEPT)
    const changed = Uint8Array.from(old.log)
    changed[20]! ^= 1
    await writeOldFiles(folder, { ...old, log: changed })
    await expectRefused(DAMAGED, { path: pathOf('acks.log'), offset: 0 })
  })

  test('whose process ended in any moment of the change is there, all of it', async () => {
    const cuts = ({ length }: Uint8Array): number[] => [0, 1, 8, 15, 16, 17, length >> 1, length - 1, length]
    const moments: Record<string, Uint8Array>[] = [
      ...cuts(present.nonces).map((cut) => ({ 'acks.log': old.log, nonces: old.nonces, 'nonces.new': present.nonces.subarray(0, cut) })),
      ...cuts(present.log).map((cut) => ({ 'acks.log': old.log, nonces: present.nonces, 'acks.log.new': present.log.subarray(0, cut) })),
      { 'acks.log': present.log, nonces: present.nonces },
      { 'acks.log': present.log, nonces: old.nonces }, // names that were not synced come in any order
      { 'acks.log': new Uint8Array(), nonces: present.nonces },
    ]
    for (const files of moments) {
      for (const name of await readdir(folder)) await rm(pathOf(name))
      for (const [name, bytes] of Object.entries(files)) await writeFile(pathOf(name), bytes)
      const isEmpty = files['acks.log']?.length === 0 // a first start that was killed in version 0
      expect(await keptIn(folder)).toEqual(isEmpty ? { seqs: new Map(), past: 0, standings: [], nonce: OLD_END } : OLD_KEPT)
    }
  })
})
