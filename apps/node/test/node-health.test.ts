// Goal: a clock that is wrong is said to be wrong, instead of the ledger being said to be late. Method: the real state machine at genesis, and clocks.
import { createApplication, createMemoryStore } from '@selvedge/application'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { expect, test } from 'vitest'
import { createNodeHealth } from '../src/ledger/node-health.ts'
import { evidenceRules } from '../src/ledger/evidence-rules.ts'
import { scratchFolder } from './harness.ts'
import { TestNetwork } from './ledger-network.ts'

const MINUTE_MS = 60_000

test('a machine whose clock is slow is told so, and one whose clock is fast how far it is behind by that clock', async () => {
  const { genesis, nodes } = await TestNetwork.create(await scratchFolder(), { pace: 1 })
  const application = createApplication({ store: createMemoryStore(), evidenceRules }, { genesis })
  const { publicKey } = createKeyPair(nodes[0]!.seeds.node)
  const { timestampMs } = application.lastApplied()
  const saidAt = (unixMs: number): unknown =>
    createNodeHealth(
      { application, publicKey, seatFault: () => undefined, hasSeat: () => false, clock: { nowMs: () => 0, unixMs: () => unixMs } },
      {},
    ).readiness()
  expect(saidAt(timestampMs)).toEqual({ ready: true })
  expect(saidAt(timestampMs - MINUTE_MS)).toEqual({ ready: true })
  expect(saidAt(timestampMs - 61 * MINUTE_MS)).toEqual({ ready: false, reason: "the clock of this machine is 3660 s behind the ledger's" })
  expect(saidAt(timestampMs + MINUTE_MS)).toEqual({ ready: true })
  expect(saidAt(timestampMs + 61 * MINUTE_MS)).toEqual({ ready: false, reason: 'it is 3660 s behind, by the clock of this machine' })
})
