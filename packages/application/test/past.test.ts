import { accounts, createMemoryStore, encodeField, type AccountRow, type KeyValueStore } from '@selvedge/application'
import { createLmdbStore } from '@selvedge/application/lmdb'
import { decodeCheckpoint, encodeTokenCall } from '@selvedge/ledger-types'
import { createStateTree, keyHash, valueHash, verifyProof } from '@selvedge/state-tree'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PastLog } from '../src/past/past-log.ts'
import { PastStates } from '../src/past/past-states.ts'
import { State } from '../src/state/state.ts'
import { createTreeNodes } from '../src/store/tree-nodes.ts'
import { NATIVE, Network, type Wallet } from './support/network.ts'
import { createRandom } from './support/random-actions.ts'

const address = (i: number): Uint8Array => new Uint8Array(20).fill(i)
const rowOf = (native: number): AccountRow => ({ nonce: 0n, native: BigInt(native), clientIndex: 0 })

/** Rows, tree and log as the ledger has them, over a store of the caller's, with a window of a few rows. */
function createKeeper(store: KeyValueStore, windowRows: number, rootOf: (height: number) => Uint8Array | undefined) {
  const [state, nodes] = [new State(store), createTreeNodes(store)]
  const [tree, log] = [createStateTree({ nodes }), new PastLog(store, true, windowRows)]
  let head = 0
  return {
    state,
    past: new PastStates(store, log, { head: () => head, rootOf }),
    commit(): Uint8Array {
      const writes = state.writes()
      const root = tree.update(
        writes.map(({ keyHash: place, value }) => ({ keyHash: place, valueHash: value === undefined ? null : valueHash(value) })),
      )
      head++
      store.commit([...writes, ...nodes.writes(), ...log.writesOf(head, writes, nodes.writes())])
      nodes.settle()
      state.settle()
      return root
    },
  }
}

// Goal: every row, its absence and its proof are those of the block that is asked for, whatever came after it.
// Method: random changes against a copy of a map a block; windows of 1 row (each block its own) to more than there are.
test.each([1, 7, 40, 10_000])('the state of every block since the beginning is there, windows of %i rows', (windowRows) => {
  const random = createRandom(windowRows)
  const [copies, roots] = [[new Map<number, number>()], [new Uint8Array(32)]]
  const keeper = createKeeper(createMemoryStore(), windowRows, (height) => roots[height])
  for (let height = 1; height <= 40; height++) {
    const copy = new Map(copies[height - 1])
    for (let n = random.below(8); n > 0; n--) {
      const [i, native] = [random.below(30), random.below(1_000)]
      if (random.below(4) === 0) {
        keeper.state.delete(accounts, address(i))
        copy.delete(i)
      } else {
        keeper.state.put(accounts, address(i), rowOf(native))
        copy.set(i, native)
      }
    }
    copies.push(copy)
    roots.push(Uint8Array.from(keeper.commit()))
  }
  for (const [height, copy] of copies.entries()) {
    const state = keeper.past.at(height)!
    expect(state.stateRoot()).toEqual(roots[height])
    for (let i = 0; i < 30; i++) {
      const native = copy.get(i)
      const value = native === undefined ? undefined : encodeField(accounts.value, rowOf(native))
      expect(state.account(address(i)).native).toBe(BigInt(native ?? 0))
      expect(state.read(accounts.id, address(i))).toEqual(value)
      const place = keyHash(accounts.id, address(i))
      verifyProof(roots[height]!, place, value === undefined ? undefined : valueHash(value), state.prove(accounts.id, address(i)))
    }
  }
  expect([keeper.past.at(-1), keeper.past.at(41), keeper.past.at(1.5)]).toEqual([undefined, undefined, undefined])
})

test('an archive answers for old blocks what it answered when they were new, on disk and after a restart; other nodes do not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'past-'))
  try {
    const store = createLmdbStore(folder)
    const network = new Network({ store, isArchive: true })
    const [a, b] = network.wallets as [Wallet, Wallet]
    const call = { from: a.address, ...encodeTokenCall(1, 'balanceOf', { account: b.address }), value: 0n }
    const seen = (): unknown => {
      const { app } = network
      const { account, proof } = { account: app.account(b.address), proof: app.prove(accounts.id, b.address) }
      return [account, app.balance(b.address, 1), app.simulate(call).output, proof]
    }
    const answers = new Map<number, unknown>()
    for (let i = 0; i < 12; i++) {
      if (i % 4 === 3) network.closeEpoch()
      else
        network.send(
          network.transfer(a, b.address, BigInt(i + 1)),
          network.tokenTransfer(a, b.address, 5n, { nonce: network.nonceOf(a) + 1n }),
        )
      answers.set(network.app.lastApplied().height, seen())
    }
    const compare = ({ app }: Pick<Network, 'app'>): void => {
      for (const [height, answer] of answers) {
        const state = app.stateAt(height)!
        const proof = {
          proof: state.prove(accounts.id, b.address),
          value: state.read(accounts.id, b.address),
          stateRoot: state.stateRoot(),
        }
        expect([state.account(b.address), state.balance(b.address, 1), state.view(call), proof]).toEqual(answer)
        expect(proof.stateRoot).toEqual(decodeCheckpoint(app.history.recordOf(height)!.checkpoint).stateRoot)
      }
    }
    compare(network)
    expect(network.app.stateAt(0)!.account(b.address).native).toBe(1_000_000n * NATIVE)
    compare(new Network({ store, isArchive: true }))
    const plain = new Network({ store })
    expect(plain.app.stateAt(5)).toBeUndefined()
    plain.run([])
    const again = new Network({ store, isArchive: true })
    expect(again.app.stateAt(5)).toBeUndefined() // a gap: nothing from before it is believed
    again.run([])
    const { height } = again.app.lastApplied()
    expect([height - 2, height - 1, height].map((at) => again.app.stateAt(at) !== undefined)).toEqual([false, true, true])
    await store.close()
  } finally {
    rmSync(folder, { recursive: true })
  }
})
