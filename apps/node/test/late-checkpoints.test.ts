// Goal: what a member has executed and nobody has a certificate of is what it offers to sign again in its next life, and nothing else.
import { createApplication, createMemoryStore, type Outcome } from '@selvedge/application'
import { decodeCheckpoint, encodeBlockCertificate, encodeSystemMessage } from '@selvedge/ledger-types'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { evidenceRules } from '../src/ledger/evidence-rules.ts'
import { uncertifiedCheckpoints } from '../src/ledger/late-checkpoints.ts'
import { TestNetwork } from './ledger-network.ts'

test('checkpoints without a certificate are found after a restart: the newest, and those that joiners wait for', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'selvedge-late-'))
  const { genesis } = await TestNetwork.create(folder, { pace: 1 })
  await rm(folder, { recursive: true })
  const application = createApplication({ store: createMemoryStore(), evidenceRules }, { genesis, isArchive: true, keepsSnapshots: true })
  const run = (count: number): void => {
    for (let i = 0; i < count; i++) execute([])
  }
  function execute(items: Parameters<typeof application.execute>[0]['items'], atMs?: number): Outcome {
    const { epoch, index, height, timestampMs } = application.lastApplied()
    const digest = new Uint8Array(32).fill(height)
    return application.execute({ epoch, index: index + 1, digest, timestampMs: Math.max(timestampMs, atMs ?? 0), items })
  }
  function closeEpoch(): Outcome {
    const { epoch } = application.lastApplied()
    const { committee, endMs } = application.view()
    const bytes = encodeSystemMessage({ kind: 'readyToClose', epoch })
    return execute(
      committee.map(({ authority }) => ({ type: 'system', author: authority, bytes })),
      endMs,
    )
  }
  const certify = (height: number): void => {
    const checkpoint = decodeCheckpoint(application.history.recordOf(height)!.checkpoint)
    application.addCertificate(height, encodeBlockCertificate({ checkpoint, signers: [0, 1, 2], aggregate: new Uint8Array(96) }, 4))
  }
  const heights = (): number[] => uncertifiedCheckpoints(application).map(({ height }) => height)

  expect(heights()).toEqual([])
  run(3)
  certify(2)
  expect(heights()).toEqual([1, 3])
  const { height: final } = closeEpoch()
  expect(heights()).toEqual([1, 3]) // the last one names the snapshot of genesis, whose root is not known
  application.provideSnapshotRoot(0, new Uint8Array(32).fill(1))
  expect(heights()).toEqual([1, 3, final])
  run(300)
  application.provideSnapshotRoot(final, new Uint8Array(32).fill(2))
  const late = uncertifiedCheckpoints(application)
  const newest = Array.from({ length: 128 }, (_, i) => final + 300 - 127 + i)
  expect(late.map(({ height }) => height)).toEqual([final, final + 100, ...newest])
  for (const { epoch, height, bytes } of late) expect(decodeCheckpoint(bytes)).toMatchObject({ epoch, height })
  for (const { height } of late) certify(height)
  expect(heights()).toEqual([])
})
