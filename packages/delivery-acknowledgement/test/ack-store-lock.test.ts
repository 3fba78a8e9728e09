// Goal: one process a folder. Two would give out the same lane nonces, and claim one epoch twice.
import { createFileAckStore } from '@selvedge/delivery-acknowledgement/node'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { recordOf, seqsOf } from './support/records.ts'
import { EPOCH } from './support/world.ts'

const LOCKED = { code: 'DELIVERY_ACKNOWLEDGEMENT_LOCKED' }

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acks-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

test('a folder that this process has is refused, by any name, and free after its stop', async () => {
  const store = await createFileAckStore(folder)
  const name = `${folder}-by-another-name`
  await symlink(folder, name)
  for (const path of [folder, `${folder}/.`, name])
    await expect(createFileAckStore(path)).rejects.toMatchObject({ ...LOCKED, details: { path } })
  await rm(name)
  store.put(recordOf(0, 1))
  await store.stop()
  await store.stop()
  const again = await createFileAckStore(folder)
  expect(seqsOf(again.all(EPOCH))).toEqual(new Map([[0, 1]]))
  await again.stop()
})

test('of two that open it at once one gets it', async () => {
  const results = await Promise.allSettled([0, 1, 2].map(() => createFileAckStore(folder)))
  const [store] = results.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  expect(results.filter(({ status }) => status === 'rejected')).toMatchObject([{ reason: LOCKED }, { reason: LOCKED }])
  await store!.stop()
})

test('a folder that another process has is refused and not touched, and free in the moment that one is killed', async () => {
  const child = spawn(process.execPath, ['--conditions=@selvedge/source', join(import.meta.dirname, 'ack-store.child.ts'), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  await expect(createFileAckStore(folder)).rejects.toMatchObject(LOCKED)
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
  const store = await createFileAckStore(folder)
  expect(store.nextNonceBlock()).toBe(65_536n)
  await store.stop()
})

test('a folder whose log is damaged is free again: it can be mended and opened', async () => {
  const store = await createFileAckStore(folder)
  for (const chain of [0, 1]) {
    store.put(recordOf(chain, 1))
    await store.flush()
  }
  await store.stop()
  const log = join(folder, 'acks.log')
  const whole = await readFile(log)
  await writeFile(
    log,
    whole.map((byte, at) => (at === 20 ? byte ^ 1 : byte)),
  )
  await expect(createFileAckStore(folder)).rejects.toMatchObject({ code: 'DELIVERY_ACKNOWLEDGEMENT_DAMAGED' })
  await writeFile(log, whole)
  const again = await createFileAckStore(folder)
  expect(again.all(EPOCH).length).toBe(2)
  await again.stop()
})
