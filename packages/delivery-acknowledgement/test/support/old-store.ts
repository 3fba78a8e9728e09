/** A store's files as version 0 had them: a log without a head, a counter that is nothing but its number. */
import { createFileAckStore } from '@selvedge/delivery-acknowledgement/node'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { recordOf, seqsOf } from './records.ts'
import { accountOf, EPOCH } from './world.ts'

const HEAD_BYTES = 16
const CHAINS = 100
/** The end of the block that the old store had given out. */
export const OLD_END = 65_536n
const STANDING = { account: accountOf(1), epoch: EPOCH, lostBytes: 70_000, windowBytes: 65_536, slowUntilBytes: 262_144, defaults: 1 }

export interface OldFiles {
  readonly log: Uint8Array
  readonly nonces: Uint8Array
}

/** The files of a store of a hundred chains, one standing and an epoch that is forgotten; made in `folder`, which keeps a present store of the same. */
export async function makeOldFiles(folder: string): Promise<OldFiles> {
  const store = await createFileAckStore(folder)
  for (let chain = 0; chain < CHAINS; chain++) {
    store.put(recordOf(chain, 1))
    store.put(recordOf(chain, 1, EPOCH - 1n))
  }
  store.putStanding!(STANDING)
  await store.flush()
  await store.forget(EPOCH - 1n)
  for (let chain = 0; chain < CHAINS; chain++) store.put(recordOf(chain, 2 + chain))
  store.nextNonceBlock()
  await store.stop()
  const nonces = new Uint8Array(8)
  new DataView(nonces.buffer).setBigUint64(0, OLD_END, true)
  return { log: new Uint8Array((await readFile(join(folder, 'acks.log'))).subarray(HEAD_BYTES)), nonces }
}

export async function writeOldFiles(folder: string, { log, nonces }: OldFiles): Promise<void> {
  await writeFile(join(folder, 'acks.log'), log)
  await writeFile(join(folder, 'nonces'), nonces)
}

/** What a store of these files has, in one value. */
export interface Kept {
  readonly seqs: ReadonlyMap<number, number>
  readonly past: number
  readonly standings: readonly unknown[]
  readonly nonce: bigint
}

export const OLD_KEPT: Kept = {
  seqs: new Map(Array.from({ length: CHAINS }, (_, chain) => [chain, 2 + chain])),
  past: 0,
  standings: [STANDING],
  nonce: OLD_END,
}

/** Opens the store, looks, takes a block of nonces, and stops it. */
export async function keptIn(folder: string): Promise<Kept> {
  const store = await createFileAckStore(folder)
  try {
    const [seqs, past] = [seqsOf(store.all(EPOCH)), store.all(EPOCH - 1n).length]
    return { seqs, past, standings: store.standings!(), nonce: store.nextNonceBlock() }
  } finally {
    await store.stop()
  }
}
