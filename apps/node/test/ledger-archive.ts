// An archive of two epochs, made by the state machine on LMDB alone, with the certificates of its one member.
import { createApplication, type Application } from '@selvedge/application'
import { createLmdbStore } from '@selvedge/application/lmdb'
import { encodeSystemTransaction } from '@selvedge/consensus'
import { aggregateBls, createBlsKeyPair } from '@selvedge/crypto/bls'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { sha256 } from '@selvedge/crypto/sha256'
import {
  checkpointSigningBytes,
  createGenesisNode,
  decodeCheckpoint,
  devGenesis,
  encodeBlockCertificate,
  formatGenesis,
  parseGenesis,
  type Genesis,
} from '@selvedge/ledger-types'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createWallet } from '../src/ledger-devnet/setup.ts'
import { evidenceRules } from '../src/ledger/evidence-rules.ts'
import { x25519KeyOf } from '../src/ledger-tools/ledger-seeds.ts'
import { snapshotRootOf } from '../src/ledger-tools/replay-ledger.ts'
import { CHAIN_ID, MICRO, signed } from './ledger-network.ts'

const EPOCH_MS = 12_000
const BLOCK_MS = 240
export const EPOCHS = 2
const seeds = { node: sha256(Uint8Array.of(1)), bls: sha256(Uint8Array.of(2)) }
const bls = createBlsKeyPair(seeds.bls)
const user = createWallet()

export interface Archive {
  readonly folder: string
  readonly genesis: Genesis
  readonly genesisFile: string
  readonly files: readonly string[]
  readonly head: { readonly height: number; readonly stateRoot: string }
}

/** Of one member, whose seeds are known. */
export async function makeGenesis(folder: string): Promise<{
  readonly genesis: Genesis
  readonly genesisFile: string
  readonly seeds: { readonly node: Uint8Array; readonly bls: Uint8Array }
}> {
  const bytes = genesisBytes()
  const genesisFile = join(folder, 'genesis.json')
  await writeFile(genesisFile, bytes)
  return { genesis: parseGenesis(bytes), genesisFile, seeds }
}

export async function makeArchive(folder: string): Promise<Archive> {
  const { genesis, genesisFile } = await makeGenesis(folder)
  await mkdir(join(folder, 'node'))
  const store = createLmdbStore(join(folder, 'node', 'state'))
  const application = createApplication({ store, evidenceRules }, { genesis, isArchive: true })
  application.provideSnapshotRoot(0, snapshotRootOf(application))
  for (let nonce = 0n; application.lastApplied().epoch < EPOCHS; nonce++) addBlock(application, nonce)
  const files: string[] = []
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    const path = join(folder, `epoch-${epoch}`)
    await writeFile(path, Buffer.concat([...application.epochFile(epoch)!]))
    files.push(path)
  }
  const { height, stateRoot } = application.lastApplied()
  await store.close()
  return { folder: join(folder, 'node'), genesis, genesisFile, files, head: { height, stateRoot: Buffer.from(stateRoot).toString('hex') } }
}

/** The next block, with a transfer, and the certificate of its checkpoint. */
function addBlock(application: Application, nonce: bigint): void {
  const { epoch, index, height, timestampMs } = application.lastApplied()
  const at = timestampMs + BLOCK_MS
  const isEnd = at >= application.view().endMs
  const outcome = application.execute({
    epoch,
    index: index + 1,
    digest: sha256(Uint8Array.of(height & 255, height >> 8)),
    timestampMs: at,
    items: [
      { type: 'transactions', author: 0, transactions: [signed(user, nonce, new Uint8Array(20).fill(9), MICRO)] },
      ...(isEnd ? [{ type: 'system' as const, author: 0, bytes: encodeSystemTransaction({ kind: 'readyToClose', epoch }) }] : []),
    ],
  })
  if (outcome.final !== undefined) application.provideSnapshotRoot(outcome.height, snapshotRootOf(application))
  const { checkpoint } = application.history.recordOf(outcome.height)!
  const signature = bls.sign(checkpointSigningBytes(checkpoint))
  const certificate = { checkpoint: decodeCheckpoint(checkpoint), signers: [0], aggregate: aggregateBls([signature]) }
  application.addCertificate(outcome.height, encodeBlockCertificate(certificate, 1))
}

function genesisBytes(): Uint8Array {
  const timeMs = 1_800_000_000_000
  const keys = { keys: createKeyPair(seeds.node), bls, x25519: x25519KeyOf(seeds), notAfterEpoch: 100 }
  const address = { ip: Uint8Array.of(127, 0, 0, 1), pool: 1, sessions: 0, websocket: 0, pinger: 0 }
  const governors = { threshold: 1, accounts: [user.address] }
  return formatGenesis(
    devGenesis({
      chainId: CHAIN_ID,
      timeMs,
      parameters: { epochMs: EPOCH_MS },
      governors,
      tokens: [{ symbol: 'USD', name: 'US dollar', keys: governors, cap: MICRO }],
      accounts: [{ address: user.address, native: 100_000n * MICRO, balances: [] }],
      nodes: [createGenesisNode({ chainId: CHAIN_ID, timeMs, owner: user.address, ...keys, addresses: [address], stake: 2_000n * MICRO })],
      committee: [0],
      services: [
        { owner: user.address, manifest: new Uint8Array(32), multiplePpm: 1_000_000, payees: [{ account: user.address, ppm: 1_000_000 }] },
      ],
    }),
  )
}
