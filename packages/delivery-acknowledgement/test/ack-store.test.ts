import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DeliveryAcknowledgementError } from '@selvedge/delivery-acknowledgement'
import { createFileAckStore } from '@selvedge/delivery-acknowledgement/node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { chainRecordBytes, decodeChainRecord, decodeStanding, encodeChainRecord, encodeStanding } from '../src/ack-record.ts'
import { FILE_HEAD_BYTES } from '@selvedge/crypto/file-head'
import { recordOf, seqsOf } from './support/records.ts'
import { accountOf, delegationOf, EPOCH, evidenceOf } from './support/world.ts'

let folder = ''
const log = (): string => join(folder, 'acks.log')
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acks-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

test('a record is read as it was written, tick and all, and nothing else is', () => {
  const evidence = evidenceOf({ client: 2, serviceId: 1, session: 3, bytes: 5_000_000n, tickIndex: 7 })
  const record = { evidence, clientIndex: 2, amount: 54n }
  const bytes = encodeChainRecord(record)
  expect(decodeChainRecord(bytes)).toEqual(record)
  for (let length = 0; length < bytes.length; length++)
    expect(() => decodeChainRecord(bytes.subarray(0, length))).toThrow(DeliveryAcknowledgementError)
  expect(() => decodeChainRecord(Uint8Array.of(...bytes, 0))).toThrow('too many')
})

test('how long a record is follows from its services', () => {
  for (const services of [[], [1], [1, 2, 7]]) {
    const delegation = delegationOf(2, { services })
    const record = { evidence: evidenceOf({ client: 2, serviceId: 1, session: 3, bytes: 5n, delegation }), clientIndex: 2, amount: 54n }
    expect(chainRecordBytes(record)).toBe(encodeChainRecord(record).length)
  }
})

const STANDING = { account: accountOf(3), epoch: EPOCH, lostBytes: 70_000, windowBytes: 65_536, slowUntilBytes: 262_144, defaults: 1 }

test('a standing is read as it was written, and nothing else is', () => {
  const bytes = encodeStanding(STANDING)
  expect([bytes.length, decodeStanding(bytes)]).toEqual([44, STANDING])
  for (let length = 0; length < bytes.length; length++) expect(() => decodeStanding(bytes.subarray(0, length))).toThrow('needs')
  expect(() => decodeStanding(Uint8Array.of(...bytes, 0))).toThrow('too many')
})

test('of each account the newest standing is kept, but what counts for nothing once its epoch is over; over restarts, and when the log is written anew', async () => {
  const store = await createFileAckStore(folder)
  const newest = { ...STANDING, lostBytes: 90_000, defaults: 2 }
  const other = { ...STANDING, account: accountOf(4) }
  const past = { ...STANDING, account: accountOf(5), defaults: 0 }
  const present = { ...past, account: accountOf(6), epoch: EPOCH + 1n }
  for (const standing of [STANDING, other, past, present, newest]) store.putStanding!(standing)
  store.put(recordOf(0, 1))
  await store.forget(EPOCH)
  await store.stop()
  const again = await createFileAckStore(folder)
  expect(again.standings!().toSorted((a, b) => a.defaults - b.defaults)).toEqual([present, other, newest])
  for (let seq = 1; seq <= 200; seq++) {
    for (let chain = 0; chain < 20; chain++) again.put(recordOf(chain, seq))
    await again.flush()
  }
  await again.stop()
  expect((await stat(log())).size).toBeLessThan(1_200_000)
  const last = await createFileAckStore(folder)
  expect(last.standings!().toSorted((a, b) => a.defaults - b.defaults)).toEqual([present, other, newest])
  await last.stop()
})

test('of each chain the newest is kept, over a restart too', async () => {
  const store = await createFileAckStore(folder)
  for (let seq = 1; seq <= 5; seq++) for (let chain = 0; chain < 3; chain++) store.put(recordOf(chain, seq))
  store.put(recordOf(1, 6, EPOCH + 1n))
  const expected = new Map([
    [0, 5],
    [1, 5],
    [2, 5],
  ])
  expect(seqsOf(store.all(EPOCH))).toEqual(expected)
  await store.stop()
  await store.stop()
  const again = await createFileAckStore(folder)
  expect(seqsOf(again.all(EPOCH))).toEqual(expected)
  expect(again.all(EPOCH)[0]).toEqual(recordOf(0, 5))
  expect(seqsOf(again.all(EPOCH + 1n))).toEqual(new Map([[1, 6]]))
  await again.stop()
})

test('what is put reaches the disk by itself', async () => {
  const store = await createFileAckStore(folder)
  store.put(recordOf(0, 1))
  while ((await stat(log())).size === FILE_HEAD_BYTES) await new Promise((resolve) => setTimeout(resolve, 5))
  const copy = await mkdtemp(join(tmpdir(), 'acks-'))
  await writeFile(join(copy, 'acks.log'), await readFile(log()))
  const other = await createFileAckStore(copy)
  expect(seqsOf(other.all(EPOCH))).toEqual(new Map([[0, 1]]))
  await other.stop()
  await store.stop()
  await rm(copy, { recursive: true })
})

test('what is forgotten stays forgotten, and its epoch can begin again', async () => {
  const store = await createFileAckStore(folder)
  store.put(recordOf(0, 1))
  store.put(recordOf(0, 1, EPOCH + 1n))
  await store.forget(EPOCH)
  expect(store.all(EPOCH)).toEqual([])
  await store.stop()
  const again = await createFileAckStore(folder)
  expect([again.all(EPOCH).length, again.all(EPOCH + 1n).length]).toEqual([0, 1])
  again.put(recordOf(5, 9))
  await again.stop()
  const last = await createFileAckStore(folder)
  expect(seqsOf(last.all(EPOCH))).toEqual(new Map([[5, 9]]))
  await last.stop()
})

test('a log that was cut anywhere has all entries before the cut, and goes on', async () => {
  const store = await createFileAckStore(folder)
  store.put(recordOf(0, 1))
  await store.flush()
  const first = (await stat(log())).size
  store.put(recordOf(1, 1))
  await store.stop()
  const whole = await readFile(log())
  for (let length = first; length < whole.length; length += 7) {
    await writeFile(log(), whole.subarray(0, length))
    const cut = await createFileAckStore(folder)
    expect(seqsOf(cut.all(EPOCH))).toEqual(new Map([[0, 1]]))
    cut.put(recordOf(2, 3))
    await cut.stop()
    const again = await createFileAckStore(folder)
    expect(again.all(EPOCH).length).toBe(2)
    await again.stop()
  }
})

test('an entry that was changed anywhere, and all behind it, is not believed', async () => {
  const store = await createFileAckStore(folder)
  store.put(recordOf(0, 1))
  await store.stop()
  const whole = await readFile(log())
  for (let at = FILE_HEAD_BYTES; at < whole.length; at += 11) {
    const changed = Uint8Array.from(whole)
    changed[at]! ^= 4
    await writeFile(log(), changed)
    const opened = await createFileAckStore(folder)
    expect(opened.all(EPOCH)).toEqual([])
    await opened.stop()
  }
})

test('a changed entry before others is damage: the store says where, and changes nothing', async () => {
  const store = await createFileAckStore(folder)
  const ends = [FILE_HEAD_BYTES]
  for (let chain = 0; chain < 3; chain++) {
    store.put(recordOf(chain, 1))
    await store.flush()
    ends.push((await stat(log())).size)
  }
  await store.stop()
  const whole = await readFile(log())
  for (let at = FILE_HEAD_BYTES; at < ends[2]!; at += 53) {
    const changed = Uint8Array.from(whole)
    changed[at]! ^= 1
    await writeFile(log(), changed)
    const [offset, next] = at < ends[1]! ? ends : ends.slice(1)
    const details = { path: log(), offset, next }
    await expect(createFileAckStore(folder)).rejects.toMatchObject({ code: 'DELIVERY_ACKNOWLEDGEMENT_DAMAGED', details })
    expect(await readFile(log())).toEqual(Buffer.from(changed))
  }
})

test('noise behind the log is cut off, also when it claims an absurd length', async () => {
  const store = await createFileAckStore(folder)
  store.put(recordOf(0, 1))
  await store.stop()
  await appendFile(log(), new Uint8Array(400).fill(255))
  const again = await createFileAckStore(folder)
  expect(again.all(EPOCH).length).toBe(1)
  await again.stop()
})

test('the log does not grow with what is dead in it', async () => {
  const store = await createFileAckStore(folder)
  for (let seq = 1; seq <= 400; seq++) {
    for (let chain = 0; chain < 20; chain++) store.put(recordOf(chain, seq))
    await store.flush()
  }
  const { size } = await stat(log())
  expect(size).toBeLessThan(1_200_000) // all of it would be 4 MB
  store.put(recordOf(3, 1_000))
  await store.stop()
  const again = await createFileAckStore(folder)
  const seqs = seqsOf(again.all(EPOCH))
  expect([seqs.size, seqs.get(3), seqs.get(4)]).toEqual([20, 1_000, 400])
  await again.stop()
})

test('lane nonces never come twice, and a counter that cannot be read is not begun anew', async () => {
  const store = await createFileAckStore(folder)
  expect([store.nextNonceBlock(), store.nextNonceBlock()]).toEqual([0n, 65_536n])
  await store.stop()
  const again = await createFileAckStore(folder)
  expect(again.nextNonceBlock()).toBe(131_072n)
  await writeFile(join(folder, 'nonces'), 'half')
  expect(() => again.nextNonceBlock()).toThrow('4 bytes')
  await again.stop()
})
