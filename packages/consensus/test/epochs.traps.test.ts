/** The composition of epochs asks for nothing but its events either: no clock, chance, timer or promise on the way from one to the next. */
import { setTraps } from '@selvedge/simulator'
import { expect, test } from 'vitest'
import type { EpochSetup } from '../src/core/contract.ts'
import { createEpochs } from '../src/core/epochs.ts'
import type { EpochsEffect, EpochsEvent, NextEpoch } from '../src/core/epochs-contract.ts'
import type { Mode } from '../src/dag/contract.ts'
import { createCheapCommittee } from './support/committee.ts'
import { MemoryRecords } from './support/memory-records.ts'

const CORE = { batchDelayMsMax: 5, idleDelayMsMax: 10, roundDelayMsMin: 5 }
const MODES: readonly Mode[] = ['certified', 'uncertified', 'certified']
const BLOCKS = 4
const STEP_MS = 5
const STEPS_MAX = 2_000

test('from one epoch to the next, under load, no step touches a clock, chance, a timer or a promise', () => {
  const { members, cryptos } = createCheapCommittee(1)
  const stores = new Map<number, MemoryRecords>()
  const storeOf = (epoch: number): MemoryRecords => {
    const store = stores.get(epoch) ?? new MemoryRecords()
    stores.set(epoch, store)
    return store
  }
  const nextOf = (epoch: number): NextEpoch => ({ epoch, committee: members, mode: MODES[epoch]!, beacon: new Uint8Array(32).fill(epoch) })
  const genesisHash = new Uint8Array(32).fill(1)
  const previous = { subDagDigest: genesisHash, timestampMs: 1_000 }
  const current: EpochSetup = { ...nextOf(0), chainId: 7, genesisHash, self: 0, previous, lastApplied: 0, isFirstBoot: true }
  const traps = setTraps()
  try {
    let nowMs = 0
    let timerAtMs = Number.POSITIVE_INFINITY
    const events: EpochsEvent[] = [{ type: 'start' }]
    const begun: number[] = []
    let accepted = 0
    const epochs = traps.run(() => createEpochs({ crypto: cryptos[0]!, random: () => 1, storeOf }, { current }, CORE))
    const perform = (effect: EpochsEffect): void => {
      if (effect.type === 'timer') timerAtMs = effect.atMs
      if (effect.type === 'begin') begun.push(effect.setup.epoch)
      if (effect.type !== 'epoch') return
      const { epoch, effect: inner } = effect
      if (inner.type === 'persist') storeOf(epoch).write(inner.records)
      if (inner.type === 'accepted') accepted += inner.count
      if (inner.type !== 'emit') return
      const { index } = inner.commit.subDag
      const isLast = index === BLOCKS && epoch + 1 < MODES.length
      if (index <= BLOCKS || epoch + 1 === MODES.length) {
        events.push({ type: 'executed', epoch, index, ...(isLast ? { next: nextOf(epoch + 1) } : {}) })
      }
    }
    let steps = 0
    for (; steps < STEPS_MAX && (epochs.epoch < 2 || accepted < 60); steps++) {
      const event = events.shift() ?? (nowMs >= timerAtMs ? { type: 'tick' as const } : undefined)
      if (event === undefined) nowMs += STEP_MS
      else if (event.type === 'tick') timerAtMs = Number.POSITIVE_INFINITY
      const effects: EpochsEffect[] = []
      const given = event ?? { type: 'transactions' as const, transactions: [Uint8Array.of(steps & 255, steps >> 8)] }
      traps.run(() => epochs.step(given, { nowMs, unixMs: 2_000 + nowMs }, effects))
      for (const effect of effects) perform(effect)
    }
    expect([begun, accepted >= 60, steps < STEPS_MAX]).toEqual([[1, 2], true, true])
  } finally {
    traps.remove()
  }
})
