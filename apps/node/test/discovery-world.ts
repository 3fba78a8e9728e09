// A ledger whose members are all in this process, and its registry: nodes 0 and 1 serve a file here, 2 is not there, 3 offers no port to clients.
import { committees, createApplication, createMemoryStore, type Application } from '@selvedge/application'
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
import { createRpcServer } from '@selvedge/rpc'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { importFileInto } from '../src/compose/import-file.ts'
import { startNode, type RunningNode } from '../src/compose/node.ts'
import { createWallet } from '../src/ledger-devnet/setup.ts'
import { x25519KeyOf } from '../src/ledger-tools/ledger-seeds.ts'
import { evidenceRules } from '../src/ledger/evidence-rules.ts'
import { createRpcView } from '../src/ledger/rpc-view.ts'
import { snapshotRootOf } from '../src/ledger-tools/replay-ledger.ts'
import { sampleBytes } from './harness.ts'
import { CHAIN_ID, freePort, MICRO } from './ledger-network.ts'

const BLOCK_MS = 240
const NODES = 4
const seedsOf = (index: number): { readonly node: Uint8Array; readonly bls: Uint8Array } => ({
  node: sha256(Uint8Array.of(1, index)),
  bls: sha256(Uint8Array.of(2, index)),
})

export interface DiscoveryWorld {
  readonly folder: string
  readonly genesis: Genesis
  readonly genesisFile: string
  readonly file: Buffer
  readonly cid: string
  readonly serving: readonly RunningNode[]
  stop(): Promise<void>
}

export async function createWorld(): Promise<DiscoveryWorld> {
  const temporary = join(import.meta.dirname, '..', '.tmp')
  await mkdir(temporary, { recursive: true })
  const folder = await mkdtemp(join(temporary, 'discovery-'))
  const file = sampleBytes(3_000_000, 7)
  await writeFile(join(folder, 'film'), file)
  const serving: RunningNode[] = []
  let cid = ''
  for (const index of [0, 1]) {
    const dataDir = join(folder, `node-${index}`)
    const node = await startNode(createKeyPair(seedsOf(index).node), { dataDir, host: '127.0.0.1', port: 0, origins: [] })
    cid = (await importFileInto(node.store, join(folder, 'film'))).cid.toString()
    serving.push(node)
  }
  const bytes = genesisOf([...serving.map(({ port }) => port), await freePort('127.0.0.1'), 0])
  const genesisFile = join(folder, 'genesis.json')
  await writeFile(genesisFile, bytes)
  const stop = async (): Promise<void> => {
    await Promise.all(serving.map((node) => node.stop()))
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
  return { folder, genesis: parseGenesis(bytes), genesisFile, file, cid, serving, stop }
}

/** The door of a node whose ledger is in `epoch`. @param burstMax - requests that it answers at once. */
export async function openLedger(
  genesis: Genesis,
  epoch: number,
  burstMax = 1_000,
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const application = createApplication({ store: createMemoryStore(), evidenceRules }, { genesis })
  application.provideSnapshotRoot(0, snapshotRootOf(application))
  while (application.lastApplied().epoch < epoch) addBlock(application, application.view().endMs)
  addBlock(application, application.lastApplied().timestampMs + BLOCK_MS)
  const node = { peerCount: () => 0, readiness: () => ({ ready: true }) as const }
  const ledger = createRpcView(application, genesis.timeMs)
  const server = createRpcServer({ ledger, submitter: { submit: async () => undefined }, node }, { burstMax })
  await server.start()
  return { url: server.url, stop: () => server.stop() }
}

/** The next block, the last of its epoch where its time has come, with the certificate of all members. */
function addBlock(application: Application, timestampMs: number): void {
  const { epoch, index, height } = application.lastApplied()
  const members = application.state.get(committees, epoch)!
  const bytes = encodeSystemTransaction({ kind: 'readyToClose', epoch })
  const items = timestampMs < application.view().endMs ? [] : members.map((_, author) => ({ type: 'system' as const, author, bytes }))
  const outcome = application.execute({ epoch, index: index + 1, digest: sha256(Uint8Array.of(height)), timestampMs, items })
  if (outcome.final !== undefined) application.provideSnapshotRoot(outcome.height, snapshotRootOf(application))
  const { checkpoint } = application.history.recordOf(outcome.height)!
  const message = checkpointSigningBytes(checkpoint)
  const aggregate = aggregateBls(members.map(({ nodeIndex }) => createBlsKeyPair(seedsOf(nodeIndex).bls).sign(message)))
  const certificate = { checkpoint: decodeCheckpoint(checkpoint), signers: members.map((_, signer) => signer), aggregate }
  application.addCertificate(outcome.height, encodeBlockCertificate(certificate, members.length))
}

/** @param ports - of content sessions, by node. */
function genesisOf(ports: readonly number[]): Uint8Array {
  const [timeMs, user] = [1_800_000_000_000, createWallet()]
  const governors = { threshold: 1, accounts: [user.address] }
  return formatGenesis(
    devGenesis({
      chainId: CHAIN_ID,
      timeMs,
      parameters: { epochMs: 12_000 },
      governors,
      tokens: [{ symbol: 'USD', name: 'US dollar', keys: governors, cap: MICRO }],
      accounts: [{ address: user.address, native: 100_000n * MICRO, balances: [] }],
      nodes: Array.from({ length: NODES }, (_, index) => {
        const seeds = seedsOf(index)
        const keys = { keys: createKeyPair(seeds.node), bls: createBlsKeyPair(seeds.bls), x25519: x25519KeyOf(seeds), notAfterEpoch: 100 }
        const address = { ip: Uint8Array.of(127, 0, 0, 1), pool: 1, sessions: ports[index]!, websocket: 0, pinger: 0 }
        return createGenesisNode({ chainId: CHAIN_ID, timeMs, owner: user.address, ...keys, addresses: [address], stake: 2_000n * MICRO })
      }),
      committee: [0],
      services: [
        { owner: user.address, manifest: new Uint8Array(32), multiplePpm: 1_000_000, payees: [{ account: user.address, ppm: 1_000_000 }] },
      ],
    }),
  )
}
