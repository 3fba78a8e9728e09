/**
 * A network's discovery document (discovery.md): the nodes that a client without any starts from, signed by the network's discovery key.
 *
 * A file of JSON and beside it its signature, 64 bytes: Ed25519 over `"selvedge/discovery/1\0" ‖ SHA-256(the file's bytes)`, as they were served.
 * There is one encoding of a document: fields in one order, no space, hex in small letters, nodes by their index. The decoder refuses what
 * the encoder would not have written, so a file with the same name twice or a field of another version means nothing here.
 */
import { isEd25519Signature } from '@selvedge/crypto/ed25519'
import { sha256 } from '@selvedge/crypto/sha256'
import { transcriptOf } from '@selvedge/crypto/transcript'
import { fromHex, toHex } from '../address.ts'
import { ClientError } from '../errors.ts'

export interface DiscoveredNode {
  /** Its place in the node registry. */
  readonly nodeIndex: number
  /** Ed25519, 32 bytes. */
  readonly nodeKey: Uint8Array
  /** The node's signed key for sessions over WebSocket, 136 bytes. */
  readonly noiseRecord: Uint8Array
  /** `tls://HOST:PORT`, `ws://…` and `wss://…`, the best first: 1 to 4 of at most 255 letters. */
  readonly addresses: readonly string[]
  /** The ledger's, in millionths: 100,000,000 is the best. */
  readonly score: number
}

export interface DiscoveryDocument {
  /** 1 to 64 letters. */
  readonly name: string
  readonly chainId: number
  /** 32 bytes. */
  readonly genesisHash: Uint8Array
  /** 32 bytes: the committee that light clients begin with. */
  readonly committeeRoot: Uint8Array
  /** That the document was made in, below 2^32: an older document is refused. */
  readonly epoch: number
  /** Ascending by index; each index and each key once. At most 2,048. */
  readonly nodes: readonly DiscoveredNode[]
  /** A URL of the network's JSON-RPC; empty where there is none. */
  readonly rpc: string
  /** A URL for people; empty where there is none. */
  readonly explorer: string
  /** Unix milliseconds from which on the document is worth nothing. */
  readonly notAfterMs: number
}

/** What is certain before anything was read. */
export interface DiscoveryRules {
  /** The network's discovery key, Ed25519, 32 bytes: known beforehand, never from where the document is. */
  readonly key: Uint8Array
  /** @default any: the document says */
  readonly chainId?: number | undefined
  /** The newest epoch of a document that was seen before. @default none was */
  readonly epochSeen?: number | undefined
  /** Unix milliseconds. */
  readonly nowMs: number
}

/** Of the file, in bytes. */
export const DISCOVERY_BYTES_MAX: number = 2 ** 21
export const DISCOVERY_NODES_MAX = 2_048
export const SCORE_MAX = 100_000_000
const ADDRESSES_MAX = 4
const TEXT_MAX = 255
const NAME_MAX = 64
const NOISE_RECORD_BYTES = 136
const KEY_BYTES = 32
const U32_END = 2 ** 32

/** The only encoding of `document`. @throws {ClientError} `CLIENT_BAD_DISCOVERY` where a field is not what it says */
export function encodeDiscovery(document: DiscoveryDocument): Uint8Array {
  checkDocument(document)
  const { name, chainId, genesisHash, committeeRoot, epoch, rpc, explorer, notAfterMs } = document
  const nodes = document.nodes.map(({ nodeIndex, nodeKey, noiseRecord, addresses, score }) => {
    return { index: nodeIndex, nodeKey: toHex(nodeKey), noiseRecord: toHex(noiseRecord), addresses, score }
  })
  const about = { name, chainId, genesisHash: toHex(genesisHash), committeeRoot: toHex(committeeRoot), epoch }
  return new TextEncoder().encode(JSON.stringify({ ...about, nodes, rpc, explorer, notAfterMs }))
}

/** What the discovery key signs for a file of these bytes. */
export function discoverySigningBytes(bytes: Uint8Array): Uint8Array {
  return transcriptOf('discovery', sha256(bytes))
}

/**
 * The document in `bytes`, if it is the network's and of today. Nothing of it is read before the signature is checked.
 * @param signature - 64 bytes.
 * @throws {ClientError} `CLIENT_BAD_SIGNATURE`, `CLIENT_BAD_DISCOVERY`, `CLIENT_WRONG_NETWORK`, `CLIENT_OLD_DISCOVERY`
 */
export function verifyDiscovery(bytes: Uint8Array, signature: Uint8Array, rules: DiscoveryRules): DiscoveryDocument {
  if (bytes.length > DISCOVERY_BYTES_MAX) throw malformed(`has ${bytes.length} bytes, more than ${DISCOVERY_BYTES_MAX}`)
  if (!isEd25519Signature(signature, discoverySigningBytes(bytes), rules.key))
    throw new ClientError('CLIENT_BAD_SIGNATURE', 'the discovery document is not signed by the key that was given')
  const document = decodeDiscovery(bytes)
  const { chainId, epoch, notAfterMs } = document
  if (rules.chainId !== undefined && chainId !== rules.chainId)
    throw new ClientError('CLIENT_WRONG_NETWORK', `the discovery document is of chain ${chainId}, not of ${rules.chainId}`, { chainId })
  if (rules.epochSeen !== undefined && epoch < rules.epochSeen)
    throw new ClientError('CLIENT_OLD_DISCOVERY', `the discovery document is of epoch ${epoch}; one of ${rules.epochSeen} was seen`, {
      epoch,
    })
  if (notAfterMs <= rules.nowMs)
    throw new ClientError('CLIENT_OLD_DISCOVERY', `the discovery document was good until ${new Date(notAfterMs).toISOString()}`, {
      notAfterMs,
    })
  return document
}

/** Accepts nothing but what `encodeDiscovery` writes; the signature is not looked at. @throws {ClientError} `CLIENT_BAD_DISCOVERY` */
export function decodeDiscovery(bytes: Uint8Array): DiscoveryDocument {
  let document: DiscoveryDocument
  let again: Uint8Array
  try {
    document = documentOf(JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)))
    again = encodeDiscovery(document)
  } catch (cause) {
    if (cause instanceof ClientError) throw cause
    throw malformed('is no JSON of one', cause)
  }
  if (again.length !== bytes.length || !again.every((byte, i) => byte === bytes[i])) throw malformed('is not in its one encoding')
  return document
}

type Fields = Readonly<Record<string, unknown>>

/** Types only: `encodeDiscovery` checks what they hold. */
function documentOf(json: unknown): DiscoveryDocument {
  const fields = json as Fields
  const { nodes, ...rest } = fields
  const { chainId, epoch, notAfterMs } = rest as Record<string, number>
  const { name, rpc, explorer } = rest as Record<string, string>
  return {
    name: name!,
    chainId: chainId!,
    genesisHash: bytesIn(rest['genesisHash']),
    committeeRoot: bytesIn(rest['committeeRoot']),
    epoch: epoch!,
    nodes: (nodes as readonly Fields[]).map((node) => {
      const { index, score, addresses } = node as unknown as { index: number; score: number; addresses: readonly string[] }
      return { nodeIndex: index, nodeKey: bytesIn(node['nodeKey']), noiseRecord: bytesIn(node['noiseRecord']), addresses, score }
    }),
    rpc: rpc!,
    explorer: explorer!,
    notAfterMs: notAfterMs!,
  }
}

/** Hex whose letters are not checked: another spelling is not what is encoded again. */
function bytesIn(text: unknown): Uint8Array {
  return typeof text === 'string' && /^([0-9a-f]{2})*$/.test(text) ? fromHex(text) : new Uint8Array(0)
}

function checkDocument({ name, chainId, genesisHash, committeeRoot, epoch, nodes, rpc, explorer, notAfterMs }: DiscoveryDocument): void {
  const isText = typeof name === 'string' && name.length > 0 && name.length <= NAME_MAX
  if (!isText) throw malformed('has no name of 1 to 64 letters')
  if (!isU32(chainId) || chainId === 0) throw malformed('names no chain')
  if (genesisHash.length !== KEY_BYTES || committeeRoot.length !== KEY_BYTES) throw malformed('has a hash that is none')
  if (!isU32(epoch) || !Number.isSafeInteger(notAfterMs) || notAfterMs < 0) throw malformed('has an epoch or a date that is none')
  if (![rpc, explorer].every((url) => url === '' || isUrl(url, /^https?:$/))) throw malformed('has a URL that is none')
  if (!Array.isArray(nodes) || nodes.length > DISCOVERY_NODES_MAX) throw malformed(`has no list of at most ${DISCOVERY_NODES_MAX} nodes`)
  const keys = new Set<string>()
  for (const [i, node] of nodes.entries()) {
    checkNode(node)
    if (i > 0 && nodes[i - 1]!.nodeIndex >= node.nodeIndex) throw malformed('has nodes out of their order')
    keys.add(toHex(node.nodeKey))
  }
  if (keys.size !== nodes.length) throw malformed('names a node twice')
}

function checkNode({ nodeIndex, nodeKey, noiseRecord, addresses, score }: DiscoveredNode): void {
  if (!isU32(nodeIndex)) throw malformed('has a node without an index')
  if (nodeKey.length !== KEY_BYTES || noiseRecord.length !== NOISE_RECORD_BYTES) throw malformed(`has no keys of node ${nodeIndex}`)
  if (!isU32(score) || score > SCORE_MAX) throw malformed(`has a score of node ${nodeIndex} that is none`)
  const isList = Array.isArray(addresses) && addresses.length > 0 && addresses.length <= ADDRESSES_MAX
  if (!isList || !addresses.every((address) => isAddress(address))) throw malformed(`has no 1 to 4 addresses of node ${nodeIndex}`)
}

function isAddress(address: unknown): boolean {
  if (!isUrl(address, /^(tls|wss?):$/)) return false
  const { protocol, port, pathname, search, hash } = new URL(address)
  return protocol !== 'tls:' || (port !== '' && port !== '0' && pathname === '' && search === '' && hash === '')
}

/** Names a host, and nobody's password. */
function isUrl(text: unknown, protocols: RegExp): text is string {
  if (typeof text !== 'string' || text.length > TEXT_MAX || !URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  return protocols.test(protocol) && hostname !== '' && username === '' && password === ''
}

const isU32 = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0 && (value as number) < U32_END

function malformed(what: string, cause?: unknown): ClientError {
  return new ClientError('CLIENT_BAD_DISCOVERY', `the discovery document ${what}`, {}, cause === undefined ? undefined : { cause })
}
