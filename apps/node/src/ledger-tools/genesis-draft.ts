/**
 * A genesis file in the making. A draft is the file itself with an empty committee: JSON that people edit, whose `nodes` grow by entries
 * that operators signed on their own machines. Every rule is `parseGenesis`'s and `verifyGenesis`'s: the tool has none of its own but who
 * sits in the first committee (the heaviest, as many as `committeeSize`).
 */
import { createBlsKeyPair } from '@selvedge/crypto/bls'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import {
  compareBytes,
  createGenesisNode,
  devGenesis,
  formatGenesis,
  LedgerError,
  mainGenesis,
  parseGenesis,
  testGenesis,
  verifyGenesis,
  type Genesis,
  type GenesisAccount,
  type GenesisDetails,
  type GenesisNode,
  type NetworkAddress,
} from '@selvedge/ledger-types'
import { createHash } from 'node:crypto'
import { NodeError } from '../errors.ts'
import { x25519KeyOf, type LedgerSeeds } from './ledger-seeds.ts'

/** The node entry of the file, all hex but the stake. */
export type GenesisEntry = Readonly<Record<keyof GenesisNode, string>>

/** The file's own fields; what it says nobody has checked. */
export interface Draft {
  readonly chainId: number
  readonly timeMs: number
  readonly nodes: readonly GenesisEntry[]
  /** Everything else as it stands. */
  readonly fields: Readonly<Record<string, unknown>>
}

export interface DraftOptions {
  readonly network: 'dev' | 'test' | 'main'
  readonly chainId: number
  readonly timeMs: number
  readonly governors: readonly Uint8Array[]
  /** @default two thirds and one */
  readonly threshold?: number
  readonly accounts: readonly { readonly address: Uint8Array; readonly native: bigint }[]
  readonly token: { readonly symbol: string; readonly name: string }
}

export interface EntryOptions {
  readonly owner: Uint8Array
  readonly stake: bigint
  readonly address: NetworkAddress
  readonly notAfterEpoch: number
}

const PRESETS: Readonly<Record<DraftOptions['network'], typeof devGenesis>> = { dev: devGenesis, test: testGenesis, main: mainGenesis }
const ENTRY_FIELDS: readonly (keyof GenesisNode)[] = ['owner', 'nodeKey', 'bls', 'pop', 'nodeSig', 'noiseRecord', 'addresses', 'stake']
const ENTRY_BYTES_MAX = 4_096
/** Minted through the bridge in an epoch, at most; to be edited. */
const TOKEN_CAP = 1_000_000_000_000n
/** Fewer seats than these survive nobody. */
const SEATS_MIN = 4
const PPM = 1_000_000

/** @throws {LedgerError} `LEDGER_BAD_GENESIS` */
export function createDraft(options: DraftOptions): Draft {
  const { network, chainId, timeMs, token } = options
  const governors = options.governors.toSorted(compareBytes)
  const threshold = options.threshold ?? Math.floor((2 * governors.length) / 3) + 1
  const keys = { threshold, accounts: governors }
  const [owner] = governors
  if (owner === undefined) throw new NodeError('NODE_USAGE', '--governor: at least one account must have a word on rules')
  const placeholder = nodeOf(chainId, timeMs, placeholderSeeds(), {
    owner,
    stake: 2n ** 40n,
    address: { ip: Uint8Array.of(127, 0, 0, 1), pool: 0, sessions: 0, websocket: 0, pinger: 0 },
    notAfterEpoch: 0,
  })
  const details: GenesisDetails = {
    chainId,
    timeMs,
    governors: keys,
    tokens: [{ ...token, keys, cap: TOKEN_CAP }],
    accounts: options.accounts
      .map(({ address, native }): GenesisAccount => ({ address, native, balances: [] }))
      .toSorted((a, b) => compareBytes(a.address, b.address)),
    nodes: [placeholder], // a file has a node: the rules are asked with one that is taken out again
    committee: [0],
    services: [{ owner, manifest: createHash('sha256').update('cdn').digest(), multiplePpm: PPM, payees: [{ account: owner, ppm: PPM }] }],
  }
  const file = JSON.parse(new TextDecoder().decode(formatGenesis(PRESETS[network](details)))) as Record<string, unknown>
  return { chainId, timeMs, nodes: [], fields: file }
}

export function formatDraft({ fields, nodes }: Draft): string {
  return `${JSON.stringify({ ...fields, nodes, committee: [] }, undefined, 2)}\n`
}

/** @throws {NodeError} `NODE_USAGE` */
export function parseDraft(path: string, bytes: Uint8Array): Draft {
  const fields = objectIn(path, bytes)
  const [chainId, timeMs] = [Number(fields.chainId), Number(fields.timeMs)]
  const isDraft = Number.isSafeInteger(chainId) && Number.isSafeInteger(timeMs) && Array.isArray(fields.nodes)
  if (!isDraft) throw new NodeError('NODE_USAGE', `${path} is no draft of "selvedge ledger genesis init"`)
  return { chainId, timeMs, nodes: fields.nodes as GenesisEntry[], fields }
}

/** What an operator signs for its node: with its own keys, for this chain and this time. */
export function entryOf({ chainId, timeMs }: Draft, seeds: LedgerSeeds, options: EntryOptions): string {
  const node = nodeOf(chainId, timeMs, seeds, options)
  const entry = Object.fromEntries(ENTRY_FIELDS.map((name) => [name, textOf(node[name])]))
  return `${JSON.stringify(entry, undefined, 2)}\n`
}

/** @throws {NodeError} `NODE_USAGE` */
export function parseEntry(path: string, bytes: Uint8Array): GenesisEntry {
  const fields = bytes.length <= ENTRY_BYTES_MAX ? objectIn(path, bytes) : {}
  const isEntry = ENTRY_FIELDS.every((name) => typeof fields[name] === 'string') && Object.keys(fields).length === ENTRY_FIELDS.length
  if (!isEntry) throw new NodeError('NODE_USAGE', `${path} is no entry of "selvedge ledger genesis sign"`)
  return fields as unknown as GenesisEntry
}

/**
 * The draft with these entries behind those that it has.
 * @throws {NodeError} `NODE_USAGE` that names the first entry which is not good, and why; the draft stays as it was.
 */
export function addEntries(draft: Draft, entries: readonly { readonly name: string; readonly entry: GenesisEntry }[]): Draft {
  return entries.reduce((before, { name, entry }) => {
    const next = { ...before, nodes: [...before.nodes, entry] }
    try {
      const { genesis } = seated(next, [before.nodes.length])
      verifyGenesis({ ...genesis, nodes: genesis.nodes.slice(-1) })
    } catch (cause) {
      if (!(cause instanceof LedgerError)) throw cause
      const why = cause.message.replace(/^genesis file: /, '').replace(/^nodes\[\d+\]:? ?/, '')
      throw new NodeError('NODE_USAGE', `${name} is refused: ${why}`, {}, { cause })
    }
    return next
  }, draft)
}

/** The file, and what it says. @throws {LedgerError} `LEDGER_BAD_GENESIS` @throws {NodeError} `NODE_USAGE` */
export function finishDraft(draft: Draft): { readonly bytes: Uint8Array; readonly genesis: Genesis } {
  if (draft.nodes.length < SEATS_MIN) {
    throw new NodeError('NODE_USAGE', `${draft.nodes.length} nodes are too few: a committee that survives one has ${SEATS_MIN}`)
  }
  const all = seated(draft, [0]).genesis
  const byWeight = all.nodes.map(({ stake }, nodeIndex) => ({ stake, nodeIndex }))
  byWeight.sort((a, b) => (a.stake === b.stake ? a.nodeIndex - b.nodeIndex : a.stake < b.stake ? 1 : -1))
  const seats = byWeight.slice(0, all.parameters.committeeSize).map(({ nodeIndex }) => nodeIndex)
  const { genesis } = seated(
    draft,
    seats.toSorted((a, b) => a - b),
  )
  verifyGenesis(genesis)
  const bytes = formatGenesis(genesis)
  return { bytes, genesis: parseGenesis(bytes) }
}

function seated({ fields, nodes }: Draft, committee: readonly number[]): { readonly genesis: Genesis } {
  const file = JSON.stringify({ ...fields, nodes, committee: committee.map(String) })
  return { genesis: parseGenesis(new TextEncoder().encode(file)) }
}

function nodeOf(chainId: number, timeMs: number, seeds: LedgerSeeds, { owner, stake, address, notAfterEpoch }: EntryOptions): GenesisNode {
  const keys = { keys: createKeyPair(seeds.node), bls: createBlsKeyPair(seeds.bls), x25519: x25519KeyOf(seeds) }
  return createGenesisNode({ chainId, timeMs, owner, ...keys, notAfterEpoch, addresses: [address], stake })
}

function placeholderSeeds(): LedgerSeeds {
  return { node: new Uint8Array(32).fill(1), bls: new Uint8Array(32).fill(1) }
}

function textOf(value: Uint8Array | bigint): string {
  return typeof value === 'bigint' ? String(value) : `0x${Buffer.from(value).toString('hex')}`
}

function objectIn(path: string, bytes: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    // said below, with the same words for every fault
  }
  throw new NodeError('NODE_USAGE', `${path} is not a JSON object`)
}
