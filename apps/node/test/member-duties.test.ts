import { createApplication, createMemoryStore, type BlockItem } from '@selvedge/application'
import { encodeSystemTransaction } from '@selvedge/consensus'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { NODE_KINDS, signNodeTransaction } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { evidenceRules } from '../src/ledger/evidence-rules.ts'
import { createMemberDuties } from '../src/ledger/member-duties.ts'
import { CHAIN_ID, TestNetwork } from './ledger-network.ts'

test('members of a committee that stays speak on when they have become Idle, or no epoch would end', async () => {
  const { genesis, nodes } = await TestNetwork.create('nowhere', { pace: 1 })
  const application = createApplication({ store: createMemoryStore(), evidenceRules }, { genesis })
  const leave = nodes.map(({ index, seeds }) => {
    const fields = { chainId: CHAIN_ID, nodeIndex: index, nonce: 0n, kind: NODE_KINDS.optOut.id, body: new Uint8Array(0) }
    return signNodeTransaction(fields, (message) => createKeyPair(seeds.node).sign(message))
  })
  const ready = nodes.map((_, author): BlockItem => {
    return { type: 'system', author, bytes: encodeSystemTransaction({ kind: 'readyToClose', epoch: 0 }) }
  })
  const items: BlockItem[] = [{ type: 'transactions', author: 0, transactions: leave }, ...ready]
  const { final } = application.execute({ epoch: 0, index: 1, digest: new Uint8Array(32), timestampMs: application.view().endMs, items })
  expect(final?.view.nodes).toEqual([])
  expect(final?.view.committee).toHaveLength(4)
  for (const { seeds } of nodes) {
    const duties = createMemberDuties(application, { publicKey: createKeyPair(seeds.node).publicKey, seed: seeds.node })
    expect(duties.sayAfterBlock()).toHaveLength(1)
  }
})
