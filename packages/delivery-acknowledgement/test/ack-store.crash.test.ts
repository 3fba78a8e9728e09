/** kill -9 in the middle of writing: whatever was said to be on disk is there. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createFileAckStore } from '@selvedge/delivery-acknowledgement/node'
import { expect, test } from 'vitest'
import { seqsOf } from './support/records.ts'
import { createRandom, EPOCH } from './support/world.ts'

const SEED = Number(process.env.SEED ?? 1)
const KILLS = Number(process.env.RUNS ?? 5)

test(`after each of ${KILLS} kills every acknowledgement is there that was on disk, and no lane nonce comes again, seed ${SEED}`, async () => {
  const random = createRandom(SEED)
  const folder = await mkdtemp(join(tmpdir(), 'acks-'))
  const nonces: bigint[] = []
  let durable = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const lines = 1 + (random() % 60)
    const child = spawn(
      process.execPath,
      ['--conditions=@selvedge/source', join(import.meta.dirname, 'ack-store.child.ts'), folder, String(durable)],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    let seen = 0
    for await (const line of createInterface({ input: child.stdout })) {
      const [kind, value = '0'] = line.split(' ')
      if (kind === 'nonce') nonces.push(BigInt(value))
      else durable = Number(value)
      if (++seen === lines) setTimeout(() => child.kill('SIGKILL'), random() % 8) // somewhere in the next batches; what they say is read too
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    const store = await createFileAckStore(folder)
    const seqs = seqsOf(store.all(EPOCH))
    for (let chain = 0; chain < 100 && durable > 0; chain++) expect(seqs.get(chain)).toBeGreaterThanOrEqual(durable)
    await store.stop()
  }
  expect(durable).toBeGreaterThan(0)
  expect(new Set(nonces).size).toBe(KILLS)
  await rm(folder, { recursive: true })
})
