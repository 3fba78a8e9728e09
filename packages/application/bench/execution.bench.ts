/**
 * Transfers through the whole state machine: decoded, executed, hashed into receipts, tree and root, and committed to LMDB with a flush a
 * block. Whoever drives it checks signatures in threads of its own and hands the verdicts in with the block; here they are made up, over 64 bytes
 * that are no signature, so no figure has the cost of checking one.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Application,
  createApplication,
  createMemoryStore,
  type EvidenceRules,
  type KeyValueStore,
  type LedgerBlock,
  type Verdict,
} from '@selvedge/application'
import { createLmdbStore } from '@selvedge/application/lmdb'
import { createBlsKeyPair } from '@selvedge/crypto/bls'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { sha256 } from '@selvedge/crypto/sha256'
import {
  createGenesisNode,
  encodeAccountTransaction,
  encodeSystemMessage,
  formatGenesis,
  mainGenesis,
  parseGenesis,
  type Genesis,
} from '@selvedge/ledger-types'
import type { Bench, Prepared } from '../../../tools/bench/bench.ts'

const CHAIN_ID = 7
const TIME_MS = 1_700_000_000_000
const ACCOUNTS = 100_000
const BLOCK_TRANSACTIONS = 2_000
const BLOCKS = 40
const WARM_UP_BLOCKS = 10
/** So much block time a block that the base fee stays where it is. */
const BLOCK_MS = 2_000

function seedOf(text: string): Uint8Array {
  return sha256(new TextEncoder().encode(text))
}

function addressOf(i: number): Uint8Array {
  return seedOf(`account ${i}`).slice(0, 20)
}

function genesisOf(count: number): Genesis {
  const nodes = Array.from({ length: 4 }, (_, i) => {
    const address = { ip: Uint8Array.of(127, i + 1, 0, 1), pool: 1, sessions: 2, websocket: 3, pinger: 4 }
    return createGenesisNode({
      chainId: CHAIN_ID,
      timeMs: TIME_MS,
      owner: addressOf(i),
      keys: createKeyPair(seedOf(`node ${i}`)),
      bls: createBlsKeyPair(seedOf(`bls ${i}`)),
      x25519: seedOf(`x25519 ${i}`),
      notAfterEpoch: 1_000,
      addresses: [address],
      stake: 10n ** 10n,
    })
  })
  const accounts = Array.from({ length: count }, (_, i) => ({ address: addressOf(i), native: 10n ** 12n, balances: [] }))
  const contents = mainGenesis({
    chainId: CHAIN_ID,
    timeMs: TIME_MS,
    governors: { threshold: 1, accounts: [addressOf(0)] },
    tokens: [{ symbol: 'USD', name: 'Dollar', keys: { threshold: 1, accounts: [addressOf(1)] }, cap: 1n }],
    accounts: accounts.toSorted((a, b) => Buffer.compare(a.address, b.address)),
    nodes,
    committee: [0, 1, 2, 3],
    services: [
      { owner: addressOf(0), manifest: seedOf('cdn'), multiplePpm: 1_000_000, payees: [{ account: addressOf(0), ppm: 1_000_000 }] },
    ],
  })
  return parseGenesis(formatGenesis(contents))
}

/** Blocks of transfers between random accounts, each with its nonce in order, that follow where `app` stands. */
function blocksOf(app: Application, count: number): LedgerBlock[] {
  const { epoch, index, timestampMs } = app.lastApplied()
  const nonces = new Uint32Array(ACCOUNTS)
  let random = 12_345
  const below = (limit: number): number => {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((random / 2 ** 32) * limit)
  }
  const addresses = Array.from({ length: ACCOUNTS }, (_, i) => addressOf(i))
  return Array.from({ length: count }, (_, i) => {
    const transactions: Uint8Array[] = []
    const verdicts: Verdict[] = []
    for (let n = 0; n < BLOCK_TRANSACTIONS; n++) {
      const from = below(ACCOUNTS)
      const bytes = encodeAccountTransaction({
        form: 'eip1559',
        chainId: CHAIN_ID,
        nonce: BigInt(nonces[from]!++),
        maxPriorityFeePerGas: 0n,
        maxFeePerGas: 10n ** 12n,
        gasLimit: 21_000n,
        to: addresses[below(ACCOUNTS)]!,
        value: 10n ** 12n,
        data: new Uint8Array(0),
        signature: new Uint8Array(64).fill(7),
        v: 0,
      })
      transactions.push(bytes)
      verdicts.push({ isSigned: true, sender: addresses[from]!, id: sha256(bytes) })
    }
    const items = [{ type: 'transactions', author: 0, transactions, verdicts }] as const
    return { epoch, index: index + i + 1, digest: seedOf(`sub-dag ${i}`), timestampMs: timestampMs + (i + 1) * BLOCK_MS, items }
  })
}

/** Transfers accuse nobody. */
const evidenceRules: EvidenceRules = { accusedBy: () => undefined, isProven: () => false }

/** All members are ready at the planned end. */
function endEpoch(app: Application): void {
  const { epoch, index } = app.lastApplied()
  const { committee, endMs } = app.view()
  const bytes = encodeSystemMessage({ kind: 'readyToClose', epoch })
  const items = committee.map(({ authority }) => ({ type: 'system', author: authority, bytes }) as const)
  const { final } = app.execute({ epoch, index: index + 1, digest: seedOf('end'), timestampMs: endMs, items })
  if (final === undefined) throw new Error('the epoch did not end')
}

function transfers(store: KeyValueStore & { flushed?(): Promise<void> }, close: () => unknown, epochsBefore = 0): Prepared {
  const app = createApplication({ store, evidenceRules }, { genesis: genesisOf(ACCOUNTS) })
  for (let i = 0; i < epochsBefore; i++) endEpoch(app)
  const blocks = blocksOf(app, BLOCKS)
  for (const block of blocks.slice(0, WARM_UP_BLOCKS)) app.execute(block)
  return {
    figure: async () => {
      const started = performance.now()
      let done = 0
      for (const block of blocks.slice(WARM_UP_BLOCKS)) {
        const { executed } = app.execute(block)
        done += executed.filter(({ code }) => code === 0).length - 1
      }
      await store.flushed?.()
      if (done !== (BLOCKS - WARM_UP_BLOCKS) * BLOCK_TRANSACTIONS) throw new Error(`${done} transfers were executed`)
      return done / ((performance.now() - started) / 1_000)
    },
    close,
  }
}

function onDisk(overlapsFlush: boolean, epochsBefore = 0): Prepared {
  const path = mkdtempSync(join(tmpdir(), 'selvedge-bench-'))
  const store = createLmdbStore(path, { overlapsFlush })
  const close = async (): Promise<void> => {
    await store.close()
    rmSync(path, { recursive: true })
  }
  return transfers(store, close, epochsBefore)
}

export const benches: readonly Bench[] = [
  {
    name: `transfers among ${ACCOUNTS} accounts, blocks of ${BLOCK_TRANSACTIONS}`,
    unit: '/s',
    subjects: {
      ours: () => onDisk(true),
      'ours, right after an epoch ended': () => onDisk(true, 1),
      'ours, each block flushed before the next': () => onDisk(false),
      'ours, in memory': () => transfers(createMemoryStore(), () => undefined),
    },
    note: 'Decoding, execution, receipts, tree, root and one LMDB commit a block, all flushed at the end; no signature is made or checked: who sent each transfer is handed in. Two keys a transfer. After the end of an epoch each row and each group of the tree is written once more, at its first change: that row is the dearest minute of an epoch.',
  },
]
