// Goal: a state that takes an old one's place is there whole or not at all, wherever the process dies; and joiners can be led on by who joined.
import { createApplication, createMemoryStore, createStateImport, hasState, type KeyValueStore, type Write } from '@selvedge/application'
import { createSnapshotReader, decodeCheckpoint, encodeBlockCertificate } from '@selvedge/ledger-types'
import { decodeEpochProof } from '@selvedge/ledger-types/light-client'
import { expect, test } from 'vitest'
import { testEvidenceRules } from './support/evidence.ts'
import { Network } from './support/network.ts'

/** A store that dies at commit number `at`, before it or after it. */
function mortal(store: KeyValueStore, at: number, isAfter: boolean): KeyValueStore {
  let commits = 0
  return {
    ...store,
    commit(writes: readonly Write[]) {
      const isLast = commits++ === at
      if (isLast && !isAfter) throw new Error('died')
      store.commit(writes)
      if (isLast) throw new Error('died')
    },
  }
}

test('wherever an import over an old state dies, there is the old state, the new one, or none', () => {
  const [old, newer] = [new Network({ wallets: 30 }), new Network({ wallets: 30 })]
  for (let i = 0; i < 2; i++) newer.closeEpoch()
  const pieces = [...newer.app.openSnapshot().pieces()]
  const { stateRoot, height } = newer.app.lastApplied()
  const outcomes = new Set<string>()
  for (let at = 0, isDone = false; !isDone; at++) {
    for (const isAfter of [false, true]) {
      const store = createMemoryStore()
      const opened = (): ReturnType<typeof createApplication> =>
        createApplication({ store, evidenceRules: testEvidenceRules }, { genesis: old.genesis })
      opened().execute(old.next([]))
      const before = opened().lastApplied().stateRoot
      const reader = createSnapshotReader()
      try {
        const importer = createStateImport({ store: mortal(store, at, isAfter) })
        for (const piece of pieces) importer.add(reader.push(piece))
        importer.finish({ height, stateRoot })
        isDone = true
      } catch (error) {
        expect(error).toMatchObject({ message: 'died' })
      }
      if (hasState(store)) {
        const now = opened().lastApplied()
        outcomes.add(now.height === height ? 'new' : 'old')
        expect(now.stateRoot).toEqual(now.height === height ? stateRoot : before)
      } else {
        outcomes.add('none')
        expect(opened).toThrow(expect.objectContaining({ code: 'APPLICATION_FOREIGN_STORE' }))
      }
    }
  }
  expect(outcomes).toEqual(new Set(['old', 'none', 'new']))
})

test('the proof of an epoch outlives the committees that the state keeps, and is handed on', () => {
  const network = new Network()
  for (let epoch = 0; epoch < 9; epoch++) {
    const { height } = network.closeEpoch()
    expect(network.app.epochSpan(epoch)).toEqual({ first: epoch + 1, last: height })
    expect(network.app.epochProof(epoch)).toBeUndefined() // not certified yet
    const checkpoint = decodeCheckpoint(network.app.history.recordOf(height)!.checkpoint)
    const certificate = encodeBlockCertificate({ checkpoint, signers: [0, 1, 2], aggregate: new Uint8Array(96) }, 4)
    network.app.addCertificate(height, certificate)
    expect(decodeEpochProof(network.app.epochProof(epoch)!).certificate).toEqual(certificate)
  }
  expect(network.app.epochSpan(9)).toEqual({ first: 10, last: undefined })
  expect(network.app.epochSpan(10)).toBeUndefined()
  const other = new Network()
  other.app.addEpochProofs(network.app.epochProofs())
  expect([...other.app.epochProofs()]).toEqual([...network.app.epochProofs()])
  expect(other.app.epochProof(0)).toEqual(network.app.epochProof(0))
  other.run([])
  const record = other.app.history.recordOf(1)!
  const certificate = { checkpoint: decodeCheckpoint(record.checkpoint), signers: [0, 1, 2], aggregate: new Uint8Array(96) }
  other.app.addCertificate(1, encodeBlockCertificate(certificate, 4))
  expect([...other.app.epochProofs()]).toHaveLength(9) // of a block within an epoch there is none
})
