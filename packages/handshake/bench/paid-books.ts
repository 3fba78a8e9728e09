/** The books of a node, the real ones with their store on disk, on a ledger of one epoch in which every account has money. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EpochRules } from '@selvedge/delivery-acknowledgement'
import { type Books, createBooks, createFileAckStore } from '@selvedge/delivery-acknowledgement/node'

export const CHAIN_ID = 1337
const EPOCH = 5n
const EPOCH_MS = 3_600_000
const PRICE_VERSION = 3
const MICRO_USD = 10n ** 15n
/** A cent for a gigabyte: such bytes have the largest window, 16 MiB. */
const CENT_A_GIGABYTE = 10n

export interface PaidBooks {
  readonly books: Books
  /** Of all sessions together, as it will be claimed. */
  acknowledgedBytes(): number
  stop(): Promise<void>
}

/** @param bytePrice - 10^-12 USD a byte. The window grows to what costs 1,000 µUSD. */
export async function createPaidBooks(nodeKey: Uint8Array, bytePrice: bigint = CENT_A_GIGABYTE): Promise<PaidBooks> {
  const folder = await mkdtemp(join(tmpdir(), 'selvedge-bench-'))
  const store = await createFileAckStore(folder)
  const prices = { priceVersion: PRICE_VERSION, bytePrice, cpuPrice: 0n }
  const rules: EpochRules = {
    chainId: CHAIN_ID,
    epoch: EPOCH,
    nodeIndex: 0,
    nodeKey,
    prices,
    multiplePpmOf: (serviceId) => (serviceId === 0 ? 1_000_000 : undefined),
    clientOf: (account) => ({ clientIndex: clientIndexOf(account), minNonce: 0n }),
  }
  const money = { free: MICRO_USD, epochCap: MICRO_USD, minNonce: 0n, reserve: 0n, creditors: 0 }
  const books = createBooks(
    {
      rules: (epoch) => (epoch === EPOCH ? rules : undefined),
      means: (account) => ({ ...money, clientIndex: clientIndexOf(account) }),
      store,
      nowMs: () => performance.now(),
      rand: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
    },
    { chainId: CHAIN_ID, nodeKey, nodeIndex: 0, epochMs: EPOCH_MS },
  )
  const price = { ...prices, fromEpoch: EPOCH, services: [{ serviceId: 0, multiplePpm: 1_000_000 }] }
  books.changeEpoch({ epoch: EPOCH, priceVersion: PRICE_VERSION, price })
  return {
    books,
    acknowledgedBytes: () => store.all(EPOCH).reduce((sum, { evidence }) => sum + Number(evidence.acknowledgement.cumBytes), 0),
    async stop() {
      await store.stop()
      await rm(folder, { recursive: true })
    },
  }
}

/** Any that differs from account to account. */
const clientIndexOf = (account: Uint8Array): number => new DataView(account.buffer, account.byteOffset).getUint32(0, true)
