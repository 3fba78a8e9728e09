/**
 * The rooms of the house as data: who lives on which floor, who may import whom, what must run in a browser, what must be deterministic.
 *
 * An import goes to a lower floor and stands here; nothing else (docs/architecture/README.md). The import check, the lint for browser-safe
 * and deterministic code, the README's table and the picture of the floors are all made from this file. A room may stand here before it
 * is built: `existing` says which ones are.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'

export type Floor = 0 | 1 | 2 | 3 | 4 | 5 | 6

export interface Room {
  readonly name: string
  readonly floor: Floor
  readonly job: string
  /** Rooms that its sources may import besides `interface`; `'*'` is every lower one. */
  readonly imports: readonly string[] | '*'
  /** Somebody imports it without a node, so it owns its ports and may not import even `interface`. */
  readonly alone: boolean
  /** `true`: all of it but files named `*.node.ts`; a list: what these entry points reach; `false`: none of it. */
  readonly browser: boolean | readonly string[]
  /** `true`: no clock, timer or chance anywhere; a list: neither those nor `async` in these files (globs under the room). */
  readonly deterministic: boolean | readonly string[]
  readonly wing?: 'content' | 'overlay' | 'ledger'
  /** Imported by tests only. */
  readonly developmentOnly?: boolean
}

type Details = Partial<Omit<Room, 'name' | 'floor' | 'imports' | 'job'>>

const room = (name: string, floor: Floor, imports: readonly string[] | '*', job: string, details: Details = {}): Room => {
  return { name, floor, job, imports, alone: false, browser: false, deterministic: false, ...details }
}

const alone = true
const everywhere = { browser: true } as const
const content = { wing: 'content' } as const
const overlay = { wing: 'overlay' } as const
const ledger = { wing: 'ledger' } as const

export const rooms: readonly Room[] = [
  room('interface', 0, [], 'Contracts with more than one owner or implementation: types only', { browser: true }),
  room('verified-streaming', 0, [], 'BLAKE3 trees, outboards, ranges, incremental verification, resumable sink', {
    ...everywhere,
    alone,
    deterministic: ['src/kernel/*.ts', 'src/chunk-ranges*.ts', 'src/{tree,group-tree,decoder,outboard-builder,sink-state,varint}.ts'],
  }),
  room('crypto', 0, [], 'Keys, signatures and domain-separated transcripts', { ...everywhere, alone, deterministic: true }),
  room('state-tree', 0, [], 'Compact sparse Merkle tree: batch update, root, proof, verify', { ...everywhere, alone, deterministic: true }),
  room('metrics', 0, [], 'What the node counts, with units, behind one port', { alone }),
  room('simulator', 0, [], 'Virtual time, network model, faults, schedulers, trace hash', {
    ...everywhere,
    alone,
    deterministic: true,
    developmentOnly: true,
  }),
  room('ledger-types', 1, ['crypto', 'state-tree'], 'Canonical transaction, receipt, block, checkpoint, certificate, committee', {
    ...everywhere,
    deterministic: true,
  }),
  room('verified-car', 1, [], 'Both ends of CAR and of block proofs, checked block by block against a CID as they stream', {
    ...everywhere,
    alone,
    deterministic: true,
  }),
  room('names', 1, [], 'IPNS records, DNSLink and delegated routing: rules, client, server handler', { ...everywhere, alone }),
  room('delivery-acknowledgement', 1, ['crypto'], 'Acknowledgement, window, claim, challenge, evidence', {
    ...everywhere,
    alone,
    deterministic: [
      'src/{content-chain,window,chain-check,payer,payer-chain,books,account,metered-session,metered-lane,stop-clock,ack-allowance}.ts',
    ],
  }),
  room('reputation', 1, ['crypto'], 'Reports in, scores with reasons out', { ...everywhere, alone, deterministic: true }),
  room('topology', 1, ['crypto'], 'Membership and coordinates in, links out', { ...everywhere, alone, deterministic: true }),
  room('blockstore', 2, ['verified-streaming'], 'Durable content by BLAKE3 root and by CID, whole or never', { alone }),
  room('pool', 2, ['crypto'], 'Authenticated connections between nodes on libp2p'),
  room('content', 2, ['verified-streaming', 'verified-car'], 'Content on a lane: request and answer codec, and the serving end', {
    alone,
    browser: ['.'],
    deterministic: ['src/{request,answer}.ts'],
  }),
  room('handshake', 2, ['crypto'], 'The session: secured channel, lanes, flow control; both ends', {
    alone,
    browser: ['.', './sharing', './websocket', './duplex'],
    deterministic: ['src/{session-core,lane-core,outbox,frames,frame-reader,greeting,rules,payment-frames,paying-core}.ts'],
  }),
  room('sdk', 2, [], 'What the author of a service imports; the IPC codec', { alone }),
  room('origin-ipfs', 3, ['verified-car', 'names'], 'CID to verified blocks, files and ranges from trustless gateways', {
    ...content,
    ...everywhere,
    alone,
  }),
  room('origin-http', 3, [], 'URL with a digest to verified bytes', { ...content, ...everywhere, alone }),
  room('blockstore-server', 3, ['verified-streaming'], 'Slices between nodes, several sources at once', { ...content }),
  room('resolver', 3, ['crypto'], 'CID to root with witnesses; root to ordered providers', { ...content }),
  room('fetcher', 3, [], 'Store, then origins: one plan, one fetch however many ask', { ...content, alone }),
  room('broadcast', 3, ['crypto'], 'Epidemic broadcast of signed messages', { ...overlay, alone }),
  room('pinger', 3, ['crypto'], 'Signed measuring of assigned peers', { ...overlay }),
  room('consensus', 3, ['crypto'], 'Byzantine-fault-tolerant total order: certified and uncertified DAG, epochs, recovery', {
    ...ledger,
    alone,
    deterministic: ['src/{wire,dag,core}/*.ts'],
  }),
  room('application', 3, ['crypto', 'ledger-types', 'state-tree', 'delivery-acknowledgement', 'reputation'], 'The state machine', {
    ...ledger,
    deterministic: true,
  }),
  room('synchronizer', 3, ['crypto', 'ledger-types', 'state-tree', 'verified-streaming'], 'Checkpoints, joining late, catching up', {
    ...ledger,
  }),
  room('signer', 3, ['crypto', 'ledger-types'], "Nonces, submission and retry of the node's own transactions", { ...ledger }),
  room(
    'client',
    4,
    ['crypto', 'handshake', 'content', 'delivery-acknowledgement', 'ledger-types', 'verified-car', 'verified-streaming'],
    'Verified content from nodes in one call',
    { alone, browser: true },
  ),
  room('gateway', 4, ['verified-car', 'names'], 'The node as a trustless IPFS HTTP gateway', { alone }),
  room('rpc', 4, ['ledger-types'], 'JSON-RPC 2.0 and the HTTP interface of the node'),
  room('service-executor', 4, ['sdk'], 'Starts, sandboxes, meters and stops services', { alone }),
  room('service-cdn', 5, ['sdk'], 'The content service'),
  room('node', 6, '*', 'Configuration, composition, life cycle and command line; no logic'),
  room('dashboard', 6, '*', 'The page that the node serves'),
]

export const roomNamed = (name: string): Room | undefined => rooms.find((each) => each.name === name)

/** Where a room lives: the roof in `apps/`, everything else in `packages/`. */
export const folderOf = ({ name, floor }: Room): string => `${floor === 6 ? 'apps' : 'packages'}/${name}`

export const existing = (root: string): readonly Room[] => rooms.filter((each) => existsSync(join(root, folderOf(each), 'package.json')))

/** Entry points of a room that must work in a browser. */
export const browserEntriesOf = ({ browser }: Room): readonly string[] => (browser === true ? ['.'] : browser === false ? [] : browser)

/** Whether the sources of `from` may import `to`. */
export function isAllowed(from: Room, to: Room): boolean {
  if (to.developmentOnly) return false
  if (from.imports === '*') return to.floor < from.floor
  if (to.name === 'interface') return !from.alone && from.name !== 'interface'
  return from.imports.includes(to.name)
}
