import { CLAIM_STATES, claims, type ClaimRow, untoldChunks, untoldRow } from '@selvedge/application'
import { decodeReceipt, encodeSystemMessage } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { RECEIPT_EVENTS_MAX } from '../src/epoch/untold-events.ts'
import { executeBlock, type ExecutedBlock } from '../src/execute/execute-block.ts'
import { State } from '../src/state/state.ts'
import { testEvidenceRules } from './support/evidence.ts'
import { CHAIN_ID, codesOf, EPOCH_MS, Network, seedOf } from './support/network.ts'

test('what a member says twice in one block leaves one receipt, and what it says in the next leaves another', () => {
  const network = new Network()
  const early = network.system(0, { kind: 'readyToClose', epoch: 0 })
  const outcome = network.run([early, early, network.system(1, { kind: 'readyToClose', epoch: 0 })])
  expect(codesOf(outcome)).toEqual([52, 52])
  expect(outcome.refused.get(0)).toBe(1)
  const next = network.run([early])
  const ids = [...outcome.executed.slice(0, -1), ...next.executed.slice(0, -1)].map(({ id }) => String(id))
  expect(new Set(ids).size).toBe(3)
  for (const { id } of outcome.executed.slice(0, -1)) expect(network.app.history.receiptOf(id)?.receipt.id).toEqual(id)
  expect(encodeSystemMessage({ kind: 'readyToClose', epoch: 0 })).toEqual(early.type === 'system' ? early.bytes : undefined)
})

const claim: ClaimRow = {
  root: seedOf('root'),
  total: 5n,
  count: 1,
  debitsDigest: seedOf('debits'),
  state: CLAIM_STATES.committed,
  parts: 0,
  partsHere: new Uint8Array(0),
  read: 0,
  place: { sum: 0n, pairs: 0, serviceId: 0, clientIndex: 0, left: 0 },
  points: 0,
  opened: new Uint8Array(0),
}

// Goal: no event is lost and none is told out of order when a block has more of its own than a receipt counts.
// Method: as many incomplete claims as that and more end at one moment of the epoch; blocks are run until all is told.
test.each([RECEIPT_EVENTS_MAX - 1, RECEIPT_EVENTS_MAX, 2 * RECEIPT_EVENTS_MAX + 7])(
  'the events of %i claims are told, all of them and in order',
  (count) => {
    const network = new Network()
    network.closeEpoch()
    const state = new State(network.store)
    for (let nodeIndex = 0; nodeIndex < count; nodeIndex++) state.put(claims, { epoch: 0, nodeIndex }, claim)
    const chain = { chainId: CHAIN_ID, genesisHash: network.genesis.hash, evidenceRules: testEvidenceRules }
    const first = network.next([], EPOCH_MS / 4) // past T1, before the beacon
    const blocks: ExecutedBlock[] = []
    const run = (index: number): ExecutedBlock => executeBlock(state, chain, { ...first, index, digest: seedOf(String(index)) })
    for (let i = 0; i < 4; i++) blocks.push(run(first.index + i))
    const receipts = blocks.map((block) => decodeReceipt(block.run.receipts.at(-1)!))
    const told = receipts.flatMap(({ firstEvent, events }) => events.map((event, i) => ({ seq: firstEvent + i, event })))
    expect(receipts.every(({ events }) => events.length <= RECEIPT_EVENTS_MAX)).toBe(true)
    const ended = told.flatMap(({ event }) => (event.kind === 'claim' ? [event.nodeIndex] : []))
    expect(ended.length).toBe(count)
    expect(ended.every((nodeIndex, i) => nodeIndex === i)).toBe(true)
    const { firstEvent } = receipts[0]!
    expect(told.every(({ seq }, i) => seq === firstEvent + i)).toBe(true)
    const heights = told.flatMap(({ event }) => (event.kind === 'block' ? [event.height] : []))
    expect(heights).toEqual(blocks.map(({ row }) => row.height))
    expect([state.get(untoldRow, null), state.rows(untoldChunks)]).toEqual([undefined, []])
  },
)
