/**
 * The layouts once more, written as plainly as can be: hex text put together with nothing of the package. Values are as in vectors/wire.json,
 * all bytes hex. It checks nothing and is held only against itself and the codecs.
 */
import { createHash } from 'node:crypto'

type Hex = string
export interface Json {
  readonly [field: string]: JsonValue
}
export type JsonValue = string | number | Json | readonly JsonValue[]

export const hash = (hex: Hex): Hex => createHash('sha256').update(Buffer.from(hex, 'hex')).digest('hex')
const number = (value: JsonValue | undefined, bytes: number): Hex => {
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64LE(BigInt(value as number))
  return buffer.toString('hex', 0, bytes)
}
const u8 = (value: JsonValue | undefined): Hex => number(value, 1)
const u16 = (value: JsonValue | undefined): Hex => number(value, 2)
export const u32 = (value: JsonValue | undefined): Hex => number(value, 4)
const u64 = (value: JsonValue | undefined): Hex => number(value, 8)
const all = (items: JsonValue | undefined, write: (item: Json) => Hex): Hex => (items as readonly Json[]).map(write).join('')
const counted = (items: JsonValue | undefined, write: (item: Json) => Hex): Hex =>
  u32((items as readonly JsonValue[]).length) + all(items, write)
const lengthed = (bytes: JsonValue | undefined): Hex => u32((bytes as Hex).length / 2) + (bytes as Hex)
const list = (items: JsonValue | undefined): Hex => counted(items, (item) => lengthed(item as unknown as Hex))
const bitmap = (signers: JsonValue | undefined, committeeSize: number): Hex => {
  const bits = (signers as readonly number[]).reduce((sum, signer) => sum | (1n << BigInt(signer)), 0n)
  return Array.from({ length: Math.ceil(committeeSize / 8) }, (_, i) => u8(Number((bits >> BigInt(8 * i)) & 255n))).join('')
}

export const COMMITTEE_SIZE = 10
const slot = ({ epoch, round, author }: Json): Hex => u64(epoch) + u64(round) + u16(author)

export const batch = (b: Json): Hex => u64(b.epoch) + u16(b.author) + u16(b.worker) + u64(b.seq) + u64(b.createdAtMs) + list(b.transactions)

const headerRest = (h: Json): Hex =>
  u64(h.createdAtMs) +
  counted(h.payload, (entry) => `${entry.digest as Hex}${u16(entry.worker)}${u32(entry.bytes)}`) +
  counted(h.parents, (parent) => u16(parent.author) + (parent.digest as Hex)) +
  list(h.systemTransactions)
export const header = (h: Json): Hex => slot(h) + headerRest(h)
export const headerDigest = (chainId: number, h: Json): Hex => hash(`01${u32(chainId)}${slot(h)}${hash(`0e${headerRest(h)}`)}`)
export const signedHeader = (s: Json): Hex => header(s.header as Json) + (s.signature as Hex)

export const vote = (v: Json): Hex => slot(v) + (v.headerDigest as Hex) + u16(v.voter) + (v.signature as Hex)
export const voteSigningBytes = (v: Json): Hex => `12${slot(v)}${v.headerDigest as Hex}`

export const certificate = (c: Json): Hex =>
  header(c.header as Json) +
  (c.headerSignature as Hex) +
  bitmap(c.signers, COMMITTEE_SIZE) +
  (c.signatures as unknown as readonly Hex[]).join('')

const blockRest = (b: Json): Hex =>
  u64(b.createdAtMs) +
  counted(b.ancestors, (each) => u64(each.round) + u16(each.author) + (each.digest as Hex)) +
  list(b.transactions) +
  list(b.systemTransactions) +
  u32(0)
export const signedBlock = (s: Json): Hex => slot(s.block as Json) + blockRest(s.block as Json) + (s.signature as Hex)
export const blockDigest = (chainId: number, b: Json): Hex => hash(`04${u32(chainId)}${slot(b)}${hash(`0f${blockRest(b)}`)}`)

export const subDag = (s: Json): Hex => {
  const leader = s.leader as Json
  const head = u64(s.index) + u64(s.epoch) + u64(leader.round) + u16(leader.author) + (leader.digest as Hex)
  const vertices = counted(s.vertices, (vertex) => vertex as unknown as Hex)
  return head + vertices + u64(s.timestampMs) + (s.previousDigest as Hex) + u32(s.scheduleVersion)
}

export const systemTransaction = (t: Json): Hex => {
  switch (t.kind) {
    case 'readyToClose':
      return `00${u64(t.epoch)}`
    case 'evidence':
      return `01${t.evidence as Hex}`
    case 'beaconCommit':
      return `02${t.commitment as Hex}`
    case 'beaconReveal':
      return `03${t.secret as Hex}`
    default:
      return `04${u64(t.epoch)}${t.root as Hex}`
  }
}

export const checkpointSignature = (c: Json): Hex => u64(c.height) + lengthed(c.bytes) + u16(c.signer) + (c.signature as Hex)
export const blockCertificate = (c: Json): Hex => (c.bytes as Hex) + bitmap(c.signers, COMMITTEE_SIZE) + (c.aggregate as Hex)

const STATEMENTS = ['header', 'vote', 'block']
const statement = (s: Json): Hex =>
  u8(STATEMENTS.indexOf(s.kind as string)) + u64(s.round) + u16(s.author) + (s.hash as Hex) + (s.signature as Hex)
export const evidence = (e: Json): Hex => {
  if (e.kind === 'checkpoint') return `03${u16(e.signer)}${all(e.pair, (each) => lengthed(each.bytes) + (each.signature as Hex))}`
  const signer = e.kind === 'vote' ? u16(e.signer) : ''
  const pair = all(e.pair, (each) => (each.hash as Hex) + (each.signature as Hex))
  return u8(STATEMENTS.indexOf(e.kind as string)) + slot(e) + signer + pair
}

const query = (q: Json): Hex =>
  q.by === 'digest'
    ? `00${counted(q.digests, (digest) => digest as unknown as Hex)}`
    : `01${counted(q.afterRounds, (round) => u64(round as unknown as number))}${u32(q.countMax)}`

const FRAMES: Readonly<Record<string, (frame: Json) => Hex>> = {
  batch: (f) => f.bytes as Hex,
  batchAck: (f) => u64(f.epoch) + u16(f.worker) + (f.digest as Hex),
  batchRequest: (f) => u64(f.epoch) + u16(f.worker) + counted(f.digests, (digest) => digest as unknown as Hex),
  batchResponse: (f) => u64(f.epoch) + u16(f.worker) + list(f.batches),
  header: (f) => signedHeader(f.header as Json),
  vote: (f) => vote(f.vote as Json),
  certificate: (f) => certificate(f.certificate as Json),
  certificateRequest: (f) => u64(f.epoch) + query(f.query as Json),
  certificates: (f) => u64(f.epoch) + list(f.certificates),
  floorQuery: (f) => u64(f.epoch) + u64(f.nonce),
  floorAnswer: (f) => u64(f.epoch) + u64(f.nonce) + lengthed(f.proof) + counted(f.statements, statement),
  checkpointSignature: (f) => checkpointSignature(f.signature as Json),
  closeReport: (f) => u64(f.epoch),
  block: (f) => signedBlock(f.block as Json),
  blockRequest: (f) => u64(f.epoch) + query(f.query as Json),
  blocks: (f) => u64(f.epoch) + list(f.blocks),
  evidence: (f) => evidence(f.evidence as Json),
  blockCertificate: (f) => blockCertificate(f.certificate as Json),
}
export const FRAME_TYPES: readonly string[] = Object.keys(FRAMES)
export const frame = (f: Json): Hex => u8(FRAME_TYPES.indexOf(f.type as string)) + FRAMES[f.type as string]!(f)

export const genesisDigest = (chainId: number, g: Json): Hex =>
  hash(`00${u32(chainId)}${g.genesisHash as Hex}${u64(g.epoch)}${u16(g.author)}`)
export const committeeRoot = (members: readonly Json[]): Hex => {
  const each = (m: Json): Hex => `${m.key as Hex}${m.blsKey as Hex}${u64(m.stake)}${u32(m.nodeIndex)}`
  return hash(`0a${u16(members.length)}${members.map(each).join('')}`)
}
