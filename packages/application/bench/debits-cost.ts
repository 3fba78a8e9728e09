/**
 * What debits cost a validator, against the gas that their sender pays: the listing of a part, and the settlement of what was listed, with
 * the root and the flushed commit of the block in which it happens. The figures of docs/decisions/0017.
 *
 *   node --conditions=@selvedge/source packages/application/bench/debits-cost.ts
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CLAIM_STATES, claims, clients, debits, tokens } from '@selvedge/application'
import { createLmdbStore } from '@selvedge/application/lmdb'
import { cutDebits, DEBITS_START, encodeDebits, foldDebits } from '@selvedge/delivery-acknowledgement'
import { createStateTree, valueHash } from '@selvedge/state-tree'
import { settleEpoch } from '../src/epoch/settlement.ts'
import { contextOf } from '../src/execute/execute-block.ts'
import { State } from '../src/state/state.ts'
import { createTreeNodes } from '../src/store/tree-nodes.ts'
import { testEvidenceRules } from '../test/support/evidence.ts'
import { CHAIN_ID, GENESIS_MS, Network, seedOf } from '../test/support/network.ts'

const CLIENTS = 50_000

function cost(nodeCount: number, clientCount: number): void {
  const path = mkdtempSync(join(tmpdir(), 'debits-'))
  const store = createLmdbStore(path)
  try {
    const network = new Network({ store })
    const nodes = createTreeNodes(store)
    const tree = createStateTree({ nodes })
    const commit = (state: State): void => {
      const writes = state.writes()
      tree.update(writes.map(({ keyHash, value }) => ({ keyHash, valueHash: value === undefined ? null : valueHash(value) })))
      store.commit([...writes, ...nodes.writes()])
      nodes.settle()
      state.settle()
    }
    const before = new State(store)
    for (let i = 1; i <= CLIENTS; i++) {
      const address = seedOf(`client ${i}`).subarray(0, 20)
      before.put(clients, i, { address, prepaid: 10n ** 9n, pending: 0n, collateral: 0n, leaving: 0n, terms: [] })
    }
    before.put(tokens, 1, { ...before.get(tokens, 1)!, supply: 10n ** 15n })
    const stride = Math.floor(CLIENTS / clientCount)
    const list = Array.from({ length: clientCount }, (_, i) => ({ serviceId: 0, clientIndex: 1 + i * stride, amount: 1_000n }))
    const bytes = encodeDebits(list)
    const parts = cutDebits(bytes)
    for (let nodeIndex = 0; nodeIndex < nodeCount; nodeIndex++) {
      let place = DEBITS_START
      for (const [part, each] of parts.entries()) {
        before.put(debits, { epoch: 0, nodeIndex, part }, { place, bytes: each })
        place = foldDebits(place, each)
      }
      const nothing = { partsHere: new Uint8Array(0), opened: new Uint8Array(0), points: 64 }
      const head = {
        root: seedOf('root'),
        total: place.sum,
        count: place.pairs,
        debitsDigest: seedOf('digest'),
        state: CLAIM_STATES.passed,
      }
      before.put(claims, { epoch: 0, nodeIndex }, { ...head, parts: parts.length, read: parts.length, place, ...nothing })
    }
    commit(before)
    const listed = timeOf(() =>
      parts.reduce((place, each) => foldDebits(place, each, { clientEnd: CLIENTS + 1, serviceEnd: 1 }), DEBITS_START),
    )
    const state = new State(store)
    const chain = { chainId: CHAIN_ID, genesisHash: network.genesis.hash, evidenceRules: testEvidenceRules }
    const block = { ...contextOf(state, chain, GENESIS_MS), epoch: 2 }
    const settled = timeOf(() => settleEpoch({ state, block, emit: () => undefined, unseated: new Set() }))
    const written = timeOf(() => commit(state))
    const pairs = nodeCount * clientCount
    const each = (ms: number, of: number): string => ((1_000 * ms) / of).toFixed(2)
    console.log(
      `${nodeCount} claims × ${clientCount} clients = ${pairs} pairs: listing ${each(listed, clientCount)} µs a pair, settlement ${each(settled, pairs)}, root and commit ${each(written, pairs)}; together ${each(settled + written, pairs)} µs a pair`,
    )
  } finally {
    void store.close().then(() => rmSync(path, { recursive: true }))
  }
}

function timeOf(job: () => unknown): number {
  const start = process.cpuUsage()
  job()
  const { user, system } = process.cpuUsage(start) // CPU and not wall: what others do meanwhile does not count
  return (user + system) / 1_000
}

for (const [nodes, many] of [[1, 50_000], [4, 50_000], [4, 5_000], [4, 500]] as const) cost(nodes, many) // biome-ignore format: pairs
