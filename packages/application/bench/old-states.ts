/**
 * What old states cost an archive: bytes a block by what they are for, idle and with transfers, and what a proof against an old root takes.
 *
 *   node --conditions=@selvedge/source packages/application/bench/old-states.ts
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { accounts, SPACES, type BlockItem, type LedgerBlock } from '@selvedge/application'
import { createLmdbStore } from '@selvedge/application/lmdb'
import { encodeAccountTransaction } from '@selvedge/ledger-types'
import { CHAIN_ID, Network, seedOf, WEI } from '../test/support/network.ts'

const BLOCKS = 1_000
const TRANSFERS = 16
const OLD: readonly number[] = [SPACES.rowsPast, SPACES.changedRows, SPACES.groupsPast, SPACES.pastWindows]
const RECORDS: readonly number[] = [
  SPACES.blocks,
  SPACES.blockDigests,
  SPACES.bodies,
  SPACES.receipts,
  SPACES.transactionIds,
  SPACES.eventBlocks,
]

function bytesIn(network: Network, spaces: readonly number[]): number {
  let sum = 0
  for (const space of spaces) for (const [key, value] of network.store.range(space, new Uint8Array(0))) sum += 1 + key.length + value.length
  return sum
}

/** Transfers to accounts out of `accountCount`; who signed is said beforehand, since that is not what is measured. */
function itemOf(network: Network, height: number, accountCount: number): BlockItem {
  const sender = network.wallets[0]!.address
  const first = network.app.account(sender).nonce
  const fees = { maxPriorityFeePerGas: 0n, maxFeePerGas: 10n ** 16n, gasLimit: 21_000n }
  const transactions = Array.from({ length: TRANSFERS }, (_, i) => {
    const to = seedOf(`account ${(height * 7_919 + i * 104_729) % accountCount}`).slice(0, 20)
    const unsigned = {
      form: 'eip1559',
      chainId: CHAIN_ID,
      nonce: first + BigInt(i),
      ...fees,
      to,
      value: WEI,
      data: new Uint8Array(),
    } as const
    return encodeAccountTransaction({ ...unsigned, signature: new Uint8Array(64).fill(1), v: 0 })
  })
  return { type: 'transactions', author: 0, transactions, verdicts: transactions.map(() => ({ isSigned: true, sender })) }
}

async function measure(name: string, accountCount: number): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), 'old-states-'))
  const store = createLmdbStore(path)
  const network = new Network({ store, isArchive: true })
  const run = (): LedgerBlock =>
    network.next(accountCount === 0 ? [] : [itemOf(network, network.app.lastApplied().height, accountCount)], 200)
  for (let i = 0; i < BLOCKS; i++) network.app.execute(run())
  await store.flushed()
  const size = (): number => statSync(join(path, 'data.mdb')).size
  const before = { old: bytesIn(network, OLD), records: bytesIn(network, RECORDS), file: size() }
  for (let i = 0; i < BLOCKS; i++) network.app.execute(run())
  await store.flushed()
  const each = (bytes: number): string => (bytes / BLOCKS).toFixed(0)
  const grown = { old: bytesIn(network, OLD) - before.old, records: bytesIn(network, RECORDS) - before.records, file: size() - before.file }
  const start = process.cpuUsage()
  const proofs = 20
  for (let i = 0; i < proofs; i++) network.app.stateAt(1 + i * 97)!.prove(accounts.id, network.wallets[0]!.address)
  const { user, system } = process.cpuUsage(start)
  console.log(
    `${name}: a block ${each(grown.records)} B of blocks and receipts, ${each(grown.old)} B of old states; the file grew ${each(grown.file)} B a block; a proof at an old root ${((user + system) / 1_000 / proofs).toFixed(1)} ms CPU`,
  )
  await store.close()
  rmSync(path, { recursive: true })
}

await measure('idle', 0)
await measure(`${TRANSFERS} transfers a block to 2 accounts`, 2)
await measure(`${TRANSFERS} transfers a block to 20,000 accounts`, 20_000)
