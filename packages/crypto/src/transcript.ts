/**
 * Transcripts: the exact bytes that are signed or hashed. Each begins with a domain that names its kind and version, so that no signature
 * or hash made for one purpose means anything for another.
 *
 * Invariant (tested): no domain is a prefix of another, and none begins with a byte below 0x20, which are the ledger's own tags.
 * All domains of the whole system stand here, used by this package or not: one list is what makes the invariant checkable.
 */
import { CryptoError } from './errors.ts'
import { sha256 } from './sha256.ts'

/** The names of all domains. */
export type Domain =
  | 'accessToken'
  | 'blsPossession'
  | 'challenge'
  | 'claimLeaf'
  | 'claimNode'
  | 'committee'
  | 'dackContent'
  | 'dackLane'
  | 'dackPiece'
  | 'dackSalt'
  | 'dackSession'
  | 'dackTick'
  | 'acknowledgement'
  | 'discovery'
  | 'epoch'
  | 'message'
  | 'messageId'
  | 'noise'
  | 'noiseKey'
  | 'ping'
  | 'pointer'
  | 'pong'
  | 'providers'
  | 'register'
  | 'report'
  | 'reporter'
  | 'sessionHello'
  | 'sessionWelcome'
  | 'snapshot'

/** Every domain, by name; the value is the text that stands before the preimage, byte for byte. */
export const DOMAINS: Readonly<Record<Domain, string>> = {
  accessToken: 'selvedge/access-token/1\0',
  blsPossession: 'selvedge/bls-possession/1\0',
  challenge: 'selvedge/challenge/1\0',
  claimLeaf: 'selvedge/claim-leaf/1\0',
  claimNode: 'selvedge/claim-node/1\0',
  committee: 'selvedge/committee/1\0',
  dackContent: 'selvedge/dack/content/1\0',
  dackLane: 'selvedge/dack/lane/1\0',
  dackPiece: 'selvedge/dack/piece/1\0',
  dackSalt: 'selvedge/dack/salt/1\0',
  dackSession: 'selvedge/dack/session/1\0',
  dackTick: 'selvedge/dack/tick/1\0',
  acknowledgement: 'SLVDACK1',
  discovery: 'selvedge/discovery/1\0',
  epoch: 'selvedge/epoch/1\0',
  message: 'selvedge/msg/1\0',
  messageId: 'selvedge/msg-id/1\0',
  noise: 'selvedge/noise/1\0',
  noiseKey: 'selvedge/noise-key/1\0',
  ping: 'selvedge/ping/1\0',
  pointer: 'selvedge/pointer/1\0',
  pong: 'selvedge/pong/1\0',
  providers: 'selvedge/providers/1\0',
  register: 'selvedge/register/1\0',
  report: 'selvedge/report/1\0',
  reporter: 'selvedge/reporter/1\0',
  sessionHello: 'selvedge/session-hello/1\0',
  sessionWelcome: 'selvedge/session-welcome/1\0',
  snapshot: 'selvedge/snapshot/1\0',
}

/**
 * The tag bytes of the ledger, one byte each before the preimage: below 0x10 of hashes, from 0x10 on of what is signed.
 * Layouts stand with the codecs that use them.
 */
export const LEDGER_TAGS = {
  genesis: 0x00, // implicit certificate of round 0
  header: 0x01,
  certificate: 0x02,
  batch: 0x03,
  block: 0x04, // of the uncertified mode
  subDag: 0x05,
  leaderSeed: 0x06,
  ledgerBlock: 0x07,
  leaf: 0x08, // of the trees over transactions and receipts
  node: 0x09,
  committeeRoot: 0x0a,
  substituteSeed: 0x0b,
  beaconCommit: 0x0c,
  beacon: 0x0d,
  headerRest: 0x0e,
  blockRest: 0x0f,
  headerSignature: 0x11,
  voteSignature: 0x12,
  blockSignature: 0x13,
  checkpointSignature: 0x14,
  nodeTransaction: 0x15,
} as const

const encoder = new TextEncoder()

/**
 * The preimage: the domain, then the parts one after another with nothing between. It is canonical only if the layout of the parts is:
 * fixed widths, or lengths inside them.
 */
export function transcriptOf(domain: Domain, ...parts: readonly Uint8Array[]): Uint8Array {
  const tag = encoder.encode(DOMAINS[domain])
  const out = new Uint8Array(parts.reduce((size, part) => size + part.length, tag.length))
  out.set(tag)
  let offset = tag.length
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}

/** SHA-256 of the preimage, 32 bytes. */
export function hashTranscript(domain: Domain, ...parts: readonly Uint8Array[]): Uint8Array {
  return sha256(transcriptOf(domain, ...parts))
}

/** What makes a session's id (network.md §5.2, "Session open"). Keys, rands and account are bytes; numbers are checked. */
export interface SessionIdInputs {
  readonly chainId: number
  /** 20 bytes; zero for a guest. */
  readonly account: Uint8Array
  readonly sessionKey: Uint8Array
  readonly nodeKey: Uint8Array
  readonly laneNonce: bigint
  readonly epoch: bigint
  readonly clientRand: Uint8Array
  readonly nodeRand: Uint8Array
}

/**
 * The 16-byte id of a session.
 * @throws {CryptoError} `CRYPTO_BAD_LENGTH` when a part has not its width or a number does not fit.
 */
export function sessionIdOf(inputs: SessionIdInputs): Uint8Array {
  const { chainId, account, sessionKey, nodeKey, laneNonce, epoch, clientRand, nodeRand } = inputs
  const widths: readonly (readonly [string, Uint8Array, number])[] = [
    ['account', account, 20],
    ['sessionKey', sessionKey, 32],
    ['nodeKey', nodeKey, 32],
    ['clientRand', clientRand, 16],
    ['nodeRand', nodeRand, 16],
  ]
  for (const [name, bytes, width] of widths) {
    if (bytes.length !== width) throw new CryptoError('CRYPTO_BAD_LENGTH', `${name} must be ${width} bytes, got ${bytes.length}`)
  }
  if (chainId >>> 0 !== chainId || BigInt.asUintN(64, laneNonce) !== laneNonce || BigInt.asUintN(64, epoch) !== epoch) {
    throw new CryptoError('CRYPTO_BAD_LENGTH', 'chainId must be a u32, laneNonce and epoch a u64') // DataView would wrap in silence
  }
  const chain = new Uint8Array(4)
  const numbers = new Uint8Array(16)
  new DataView(chain.buffer).setUint32(0, chainId, true)
  new DataView(numbers.buffer).setBigUint64(0, laneNonce, true)
  new DataView(numbers.buffer).setBigUint64(8, epoch, true)
  return hashTranscript('dackSession', chain, account, sessionKey, nodeKey, numbers, clientRand, nodeRand).slice(0, 16)
}
