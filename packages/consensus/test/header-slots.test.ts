/** What a header with a signature that nobody checked is good for: its slot, and nothing else. */
import { expect, test } from 'vitest'
import { createCertifiedCore } from '../src/core/certified-core.ts'
import { CoreContext } from '../src/core/context.ts'
import type { CoreEffect } from '../src/core/contract.ts'
import { EvidencePool } from '../src/core/evidence-pool.ts'
import { HeaderSlots } from '../src/core/header-slots.ts'
import { toHex } from '../src/wire/bytes.ts'
import { decodeEvidence } from '../src/wire/evidence.ts'
import { headerDigest, headerSigningBytes } from '../src/wire/header.ts'
import type { Header, SignedHeader } from '../src/wire/types.ts'
import { createVerifiedSignatures, isHeaderSigned } from '../src/wire/verify.ts'
import { Cluster } from './support/cluster.ts'
import { MemoryRecords } from './support/memory-records.ts'

const AUTHOR = 2

function create(): {
  slots: HeaderSlots
  effects: CoreEffect[]
  headerAt: (createdAtMs: number) => readonly [SignedHeader, string]
  checks: () => number
} {
  const cluster = new Cluster({ size: 4, mode: 'certified', seed: 1, createCore: createCertifiedCore })
  const crypto = cluster.committee.cryptos[0]!
  const context = new CoreContext({ crypto, store: new MemoryRecords(), random: () => 0 }, cluster.setupOf(0))
  const effects: CoreEffect[] = []
  context.enter({ nowMs: 0, unixMs: 0 }, effects)
  const { committee, setup } = context
  const signatures = { committee, isSigned: crypto.isSigned, verified: createVerifiedSignatures() }
  let checks = 0
  const slots = new HeaderSlots(new EvidencePool(context), (signed) => {
    checks++
    return isHeaderSigned(signed, headerDigest(setup.chainId, signed.header), signatures)
  })
  const headerAt = (createdAtMs: number): readonly [SignedHeader, string] => {
    const header: Header = { epoch: setup.epoch, round: 5, author: AUTHOR, createdAtMs, payload: [], parents: [], systemTransactions: [] }
    const digest = headerDigest(setup.chainId, header)
    return [{ header, signature: cluster.committee.cryptos[AUTHOR]!.sign(headerSigningBytes(digest)) }, toHex(digest)]
  }
  return { slots, effects, headerAt, checks: () => checks }
}

const evidenceIn = (effects: readonly CoreEffect[]): number[] =>
  effects.flatMap((effect) => (effect.type === 'evidence' ? [decodeEvidence(effect.bytes).signer] : []))
const junk = ([signed, key]: readonly [SignedHeader, string]): readonly [SignedHeader, string] => [
  { ...signed, signature: new Uint8Array(64).fill(1) },
  key,
]

test('two headers of a slot prove their author guilty, though one came unchecked', () => {
  const { slots, effects, headerAt } = create()
  expect(slots.noteUnchecked(...headerAt(1))).toBe(true)
  expect(slots.note(...headerAt(2))).toBe(false)
  expect(evidenceIn(effects)).toEqual([AUTHOR])
})

test('junk in the place of a signature is no evidence, and shows an amnesiac nothing', () => {
  const { slots, effects, headerAt } = create()
  expect(slots.noteUnchecked(...junk(headerAt(1)))).toBe(true)
  expect(slots.note(...headerAt(2))).toBe(false)
  expect(effects).toEqual([])
  expect(slots.statementsOf(AUTHOR)).toEqual([])
})

test('a good signature of the same header takes the place of junk: then a second header is evidence', () => {
  const { slots, effects, headerAt } = create()
  slots.noteUnchecked(...junk(headerAt(1)))
  expect(slots.note(...headerAt(1))).toBe(true)
  expect(slots.noteUnchecked(...junk(headerAt(1)))).toBe(true)
  expect(slots.statementsOf(AUTHOR).map(({ signature }) => signature)).toEqual([headerAt(1)[0].signature])
  expect(slots.note(...headerAt(2))).toBe(false)
  expect(evidenceIn(effects)).toEqual([AUTHOR])
})

test('a signature is looked at once, and only where something rests on it', () => {
  const { slots, headerAt, checks } = create()
  slots.noteUnchecked(...headerAt(1))
  slots.noteUnchecked(...headerAt(1))
  expect(checks()).toBe(0)
  for (let look = 0; look < 3; look++) slots.statementsOf(AUTHOR)
  expect(checks()).toBe(1)
})
