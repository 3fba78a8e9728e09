/**
 * Makes `records.json` from the plain layouts beside this file, never from the code that is tested:
 *
 *   node --conditions=@selvedge/source vectors/generate.ts
 *
 * The small claim of one node: two clients, three sessions, from what they signed to what opens it; every record of delivery-acknowledgements.md with what it
 * says, and others that are refused, with the code. Bytes are `0x` and hex, a u64 is decimal text; `hex`, and what is computed (digests, hashes, roots), is hex
 * alone. Keys are from seeds of one repeated byte.
 */
import { createKeyPair, type KeyPair } from '@selvedge/crypto/ed25519'
import { addressOf, secp256k1PublicKeyOf, signSecp256k1 } from '@selvedge/crypto/secp256k1'
import { writeFileSync } from 'node:fs'
import * as layouts from './layouts.ts'
import type { Hex, Json, Leaf, Side } from './layouts.ts'
import { type RefusedRecord, refusedRecords } from './refused.ts'

const CHAIN_ID = 1337
const EPOCH = '5'
const NODE_INDEX = 2
const PRICES = { priceVersion: 3, bytePrice: '10', cpuPrice: '50' }
const MULTIPLES: Readonly<Record<number, number>> = { 0: 1_000_000, 7: 250_000 }
const U64_MAX = String(2n ** 64n - 1n)
const U32_MAX = 2 ** 32 - 1
const POINTS = 64

const fill = (byte: number, size: number): Hex => `0x${byte.toString(16).padStart(2, '0').repeat(size)}`
const hexIn = (bytes: Uint8Array): Hex => `0x${Buffer.from(bytes).toString('hex')}`
const bytesIn = (hex: Hex): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))
const NO_TICK: Json = { index: 0, x: fill(0, 32) }
const NODE = createKeyPair(new Uint8Array(32).fill(0x21))

interface Person {
  readonly clientIndex: number
  readonly wallet: Uint8Array
  readonly account: Hex
  readonly keys: KeyPair
}
function personOf(clientIndex: number): Person {
  const wallet = new Uint8Array(32).fill(clientIndex)
  const keys = createKeyPair(new Uint8Array(32).fill(0x10 + clientIndex))
  return { clientIndex, wallet, account: hexIn(addressOf(secp256k1PublicKeyOf(wallet))), keys }
}
const PEOPLE = [personOf(1), personOf(2)] as const

/** @param signer - who signs it, on which chain, where that is not as it should be. */
function delegationOf({ account, keys, wallet }: Person, about: Json = {}, signer: Uint8Array = wallet, chainId: number = CHAIN_ID): Json {
  const plain = { account, sessionKey: hexIn(keys.publicKey), spendCap: '1000000', notAfterEpoch: '9', nonce: '1', services: [], ...about }
  const { signature, v } = signSecp256k1(bytesIn(layouts.delegationDigest(chainId, plain)), signer)
  return { ...plain, signature: hexIn(Uint8Array.of(...signature, v)) }
}

const priceOf = (bytes: bigint, cpuMicros: bigint, serviceId: number): string =>
  String(((bytes * BigInt(PRICES.bytePrice) + cpuMicros * BigInt(PRICES.cpuPrice)) * BigInt(MULTIPLES[serviceId]!)) / 10n ** 12n)

interface Plan {
  readonly person: Person
  readonly serviceId: number
  readonly laneNonce: string
  readonly bytes: bigint
  readonly cpuMicros?: bigint
  readonly tick?: { readonly index: number; readonly x: Hex; readonly payAnchor: Hex }
}
/** A session as its end is: what was signed, and all that proves it. */
interface Session {
  readonly evidence: Json
  readonly inputs: Json
  readonly clientIndex: number
  readonly serviceId: number
  readonly leaf: Leaf
}

function sessionOf({ person, serviceId, laneNonce, bytes, cpuMicros = 0n, tick }: Plan): Session {
  const { account, keys, clientIndex } = person
  const session = { laneNonce, clientRand: fill(0x30 + Number(laneNonce), 16), nodeRand: fill(0x40 + Number(laneNonce), 16) }
  const parties = { chainId: CHAIN_ID, account, sessionKey: hexIn(keys.publicKey), nodeKey: hexIn(NODE.publicKey) }
  const inputs: Json = { ...parties, epoch: EPOCH, ...session }
  const sessionId = `0x${layouts.sessionId(inputs)}`
  const acknowledgement = signed(person, {
    sessionId,
    serviceId,
    cumBytes: String(bytes),
    cumCpuMicros: String(cpuMicros),
    cumPrice: priceOf(bytes, cpuMicros, serviceId),
    payAnchor: tick?.payAnchor ?? fill(0, 32),
  })
  const tickIndex = tick?.index ?? 0
  const evidence: Json = {
    acknowledgement,
    tick: tick === undefined ? NO_TICK : { index: tick.index, x: tick.x },
    session,
    delegation: delegationOf(person),
  }
  const leaf = {
    key: layouts.claimKey(serviceId, clientIndex, layouts.hexOf(sessionId)),
    acknowledgement: layouts.acknowledgement(acknowledgement),
    tickIndex,
    amount: priceOf(bytes + 65_536n * BigInt(tickIndex), cpuMicros, serviceId),
  }
  return { evidence, inputs, clientIndex, serviceId, leaf }
}

/** An acknowledgement of the vectors' epoch and node, with other fields as they are given. */
function signed({ account, keys }: Person, about: Json): Json {
  const plain: Json = {
    chainId: CHAIN_ID,
    account,
    sessionId: fill(0x51, 16),
    nodeIndex: NODE_INDEX,
    serviceId: 0,
    isFinal: false,
    epoch: EPOCH,
    seq: 4,
    cumBytes: '0',
    cumCpuMicros: '0',
    cumPrice: '0',
    priceVersion: PRICES.priceVersion,
    contentRoot: fill(0x52, 32),
    ttfbMs: 40,
    goodputKbps: 100_000,
    payAnchor: fill(0, 32),
    expiryEpoch: Number(EPOCH) + 1,
    ...about,
  }
  return { ...plain, signature: hexIn(keys.sign(bytesIn(layouts.preimage(plain)))) }
}

/** Elements of a chain of ticks, its first anchor first; the last one is the secret. */
function tickChain(secret: Hex, length: number): Hex[] {
  const elements = [layouts.hexOf(secret)]
  while (elements.length < length) elements.unshift(layouts.tickBefore(elements[0]!))
  return elements.map((each) => `0x${each}`)
}

const TICK_SECRET = fill(0x61, 32)
const TICKS = tickChain(TICK_SECRET, 300)

export interface WireRecord {
  readonly name: string
  /** Which layout it is of. */
  readonly kind: string
  readonly fields: Json
  readonly hex: Hex
}
const recordOf = (name: string, kind: string, fields: Json): WireRecord => ({ name, kind, fields, hex: layouts.LAYOUTS[kind]!(fields) })

/** Ascending by key. */
function threeSessions(): readonly Session[] {
  const tick = { index: 3, x: TICKS[10 + 3]!, payAnchor: TICKS[10]! }
  return [
    sessionOf({ person: PEOPLE[0], serviceId: 0, laneNonce: '1', bytes: 5_000_000_000n }),
    sessionOf({ person: PEOPLE[1], serviceId: 0, laneNonce: '2', bytes: 1_234_567_891n }),
    sessionOf({ person: PEOPLE[0], serviceId: 7, laneNonce: '3', bytes: 8_000_000_000n, cpuMicros: 90_000_000n, tick }),
  ]
}

interface Tree {
  readonly sides: readonly Side[]
  readonly pair: Side
  readonly top: Side
  readonly paths: readonly (readonly Json[])[]
}

/** Of three leaves, `((0, 1), 2)`. */
function treeOf(sessions: readonly Session[]): Tree {
  const sides = sessions.map(({ leaf }): Side => ({ hash: layouts.leafHash(leaf), sum: leaf.amount, key: leaf.key }))
  const [first, second, third] = sides as [Side, Side, Side]
  const pair = layouts.above(first, second)
  const stepOf = (other: Side, split: Hex, isRight: boolean): Json => {
    return { sibling: `0x${other.hash}`, sum: other.sum, split: `0x${split}`, isRight }
  }
  const last = stepOf(third, third.key, false)
  const paths = [[stepOf(second, second.key, false), last], [stepOf(first, second.key, true), last], [stepOf(pair, third.key, true)]]
  return { sides, pair, top: layouts.above(pair, third), paths }
}

/** Drawn when every reveal was given. */
function pointsOf(beacon: Hex, { hash, sum }: Side): string[] {
  const about = layouts.hexOf(beacon) + layouts.u64(EPOCH) + layouts.u32(NODE_INDEX) + hash
  const seed = layouts.sha256(layouts.ascii('selvedge/challenge/1\0') + about)
  return Array.from({ length: POINTS }, (_, index) => {
    const digest = Buffer.from(layouts.sha256(seed + layouts.u32(index)), 'hex')
    return String((digest.readBigUInt64LE(0) + (digest.readBigUInt64LE(8) << 64n)) % BigInt(sum))
  })
}

/** The claim of three sessions. */
function claimOfThree(): Pick<Vectors, 'sessions' | 'claim' | 'records'> {
  const sessions = threeSessions()
  const { sides, pair, top, paths } = treeOf(sessions)
  const openings = sessions.map(({ evidence }, index): Json => ({ ...evidence, path: paths[index]! }))
  const debits = sessions.map(({ serviceId, clientIndex, leaf }): Json => ({ serviceId, clientIndex, amount: leaf.amount }))
  const bytes = layouts.debits(debits)
  const head = { epoch: EPOCH, nodeIndex: NODE_INDEX }
  const commit = { ...head, root: `0x${top.hash}`, total: top.sum, count: sessions.length, debitsDigest: `0x${layouts.sha256(bytes)}` }
  const beacon = fill(0x71, 32)
  return {
    records: [
      ...openings.map((each, index) =>
        recordOf(`the acknowledgement of session ${index}`, 'acknowledgement', each['acknowledgement'] as Json),
      ),
      recordOf('debits of the claim', 'debits', { debits }),
      recordOf('ClaimCommit', 'ClaimCommit', commit),
      recordOf('ClaimDebits, all in one', 'ClaimDebits', { ...head, part: 0, parts: 1, bytes: `0x${bytes}` }),
      ...openings.map((each, index) => recordOf(`the opening of leaf ${index}`, 'opening', each)),
      recordOf('ClaimAnswer', 'ClaimAnswer', { ...head, first: 62, openings: openings.slice(0, 2) }),
      recordOf('DisputeAnswer', 'DisputeAnswer', { ...head, clientIndex: 1, serviceId: 7, first: 0, openings: openings.slice(2) }),
    ],
    sessions: sessions.map(({ inputs }) => ({ fields: inputs, hex: layouts.sessionId(inputs) })),
    claim: {
      leaves: sessions.map(({ leaf, clientIndex }, index) => {
        const { key, acknowledgement, ...rest } = leaf
        return { clientIndex, fields: { key: `0x${key}`, acknowledgement: `0x${acknowledgement}`, ...rest }, hash: sides[index]!.hash }
      }),
      nodes: [pair, top].map(({ hash, sum }) => ({ hash, sum })),
      beacon,
      points: pointsOf(beacon, top),
    },
  }
}

/** Records of their own, at the edges of what their fields hold. */
function edges(): WireRecord[] {
  const [first] = PEOPLE
  const most = {
    epoch: String(2n ** 32n - 2n),
    expiryEpoch: U32_MAX,
    seq: U32_MAX,
    cumBytes: U64_MAX,
    cumCpuMicros: U64_MAX,
    cumPrice: U64_MAX,
  }
  const rest = { chainId: U32_MAX, nodeIndex: U32_MAX, serviceId: U32_MAX, priceVersion: U32_MAX, ttfbMs: 65_535, goodputKbps: U32_MAX }
  const debits = [
    { serviceId: 0, clientIndex: 1, amount: '1' },
    { serviceId: 0, clientIndex: U32_MAX, amount: String(2n ** 48n - 1n) },
    { serviceId: U32_MAX, clientIndex: 1, amount: '281474976710655' },
  ]
  const commit = {
    epoch: String(2n ** 32n - 1n),
    nodeIndex: U32_MAX,
    root: fill(1, 32),
    total: U64_MAX,
    count: U32_MAX,
    debitsDigest: fill(2, 32),
  }
  return [
    recordOf('an acknowledgement that is FINAL', 'acknowledgement', signed(first, { isFinal: true, seq: 1 })),
    recordOf('an acknowledgement of the highest values', 'acknowledgement', signed(first, { ...most, ...rest })),
    recordOf('debits at the edges', 'debits', { debits }),
    recordOf('debits of nobody', 'debits', { debits: [] }),
    recordOf('ClaimCommit of the highest values', 'ClaimCommit', commit),
    recordOf('ClaimDebits, the last of 65,535', 'ClaimDebits', { epoch: EPOCH, nodeIndex: 0, part: 65_534, parts: 65_535, bytes: '0xab' }),
  ]
}

export interface DelegationRecord extends WireRecord {
  readonly chainId: number
  /** What the account signs. */
  readonly digest: Hex
  readonly isSigned: boolean
}

function delegations(): DelegationRecord[] {
  const [first, second] = PEOPLE
  const recordFor = (name: string, fields: Json, isSigned: boolean = true): DelegationRecord => {
    return { ...recordOf(name, 'delegation', fields), chainId: CHAIN_ID, digest: layouts.delegationDigest(CHAIN_ID, fields), isSigned }
  }
  const most = { spendCap: U64_MAX, notAfterEpoch: String(2n ** 32n - 1n), nonce: U64_MAX }
  return [
    recordFor('a delegation for all services', delegationOf(first)),
    recordFor('a delegation for two services', delegationOf(first, { services: [0, 7] })),
    recordFor(
      'a delegation of the highest values, for 32 services',
      delegationOf(first, { ...most, services: Array.from({ length: 32 }, (_, index) => U32_MAX - 31 + index) }),
    ),
    recordFor("a delegation that another's wallet signed", delegationOf(first, {}, second.wallet), false),
    recordFor('a delegation that was signed for another chain', delegationOf(first, {}, first.wallet, CHAIN_ID + 1), false),
  ]
}

function content(): Vectors['content'] {
  const [sessionId, channelBinding] = [fill(0x51, 16), fill(1, 33)]
  const lanes = [
    { openBody: fill(0x81, 12), acceptBody: fill(0x82, 7) },
    { openBody: fill(0x81, 13), acceptBody: fill(0x81, 6) },
    { openBody: '0x', acceptBody: '0x' },
  ].map(({ openBody, acceptBody }) => {
    return { openBody, acceptBody, digest: layouts.laneDigest(layouts.hexOf(openBody), layouts.hexOf(acceptBody)) }
  })
  const start = layouts.contentStart(layouts.hexOf(sessionId), layouts.hexOf(channelBinding))
  const steps: { lane: number; from: string; to: string; root: Hex }[] = []
  for (const [lane, from, to] of [
    [0, '0', '65536'],
    [1, '0', '1'],
    [0, '65536', U64_MAX],
  ] as const) {
    steps.push({ lane, from, to, root: layouts.contentAfter(steps.at(-1)?.root ?? start, lanes[lane]!.digest, from, to) })
  }
  return { sessionId, channelBinding, lanes, start, steps }
}

function ticks(): Vectors['ticks'] {
  const anchor = TICKS[10]!
  const judged = (name: string, payAnchor: Hex, index: number, x: Hex, isTick: boolean): JudgedTick => ({
    name,
    payAnchor,
    index,
    x,
    isTick,
  })
  return {
    secret: TICK_SECRET,
    length: TICKS.length,
    elements: [0, 1, 10, 298, 299].map((index) => ({ index, x: TICKS[index]! })),
    judged: [
      judged('none', anchor, 0, fill(0, 32), true),
      judged('the first', anchor, 1, TICKS[11]!, true),
      judged('the last', anchor, 256, TICKS[266]!, true),
      judged('one beyond the last', anchor, 257, TICKS[267]!, false),
      judged('another than it says', anchor, 2, TICKS[11]!, false),
      judged('the anchor itself', anchor, 1, anchor, false),
      judged('none, with an element', anchor, 0, TICKS[10]!, false),
      judged('of an anchor of zeros, which has none', fill(0, 32), 1, TICKS[11]!, false),
    ],
  }
}

export interface JudgedTick {
  readonly name: string
  readonly payAnchor: Hex
  readonly index: number
  readonly x: Hex
  readonly isTick: boolean
}

export interface Vectors {
  /** Under which the claim is checked; `clients` have accounts and the keys of their sessions. */
  readonly rules: Json
  readonly delegations: readonly DelegationRecord[]
  /** Of an acknowledgement the first 172 bytes are signed, by the session's key. */
  readonly records: readonly WireRecord[]
  readonly refused: readonly RefusedRecord[]
  readonly content: {
    readonly sessionId: Hex
    readonly channelBinding: Hex
    readonly lanes: readonly { readonly openBody: Hex; readonly acceptBody: Hex; readonly digest: Hex }[]
    readonly start: Hex
    readonly steps: readonly { readonly lane: number; readonly from: string; readonly to: string; readonly root: Hex }[]
  }
  readonly ticks: {
    readonly secret: Hex
    readonly length: number
    readonly elements: readonly { readonly index: number; readonly x: Hex }[]
    readonly judged: readonly JudgedTick[]
  }
  readonly sessions: readonly { readonly fields: Json; readonly hex: Hex }[]
  readonly claim: {
    readonly leaves: readonly { readonly clientIndex: number; readonly fields: Json; readonly hash: Hex }[]
    /** Over the first two leaves, and over all. */
    readonly nodes: readonly { readonly hash: Hex; readonly sum: string }[]
    readonly beacon: Hex
    readonly points: readonly string[]
  }
}

/** All of the file, as it stands. */
export function generate(): string {
  const { records, sessions, claim } = claimOfThree()
  const made = { delegations: delegations(), records: [...records, ...edges()] }
  const vectors: Vectors = {
    rules: {
      chainId: CHAIN_ID,
      epoch: EPOCH,
      nodeIndex: NODE_INDEX,
      nodeKey: hexIn(NODE.publicKey),
      prices: PRICES,
      multiplesPpm: Object.entries(MULTIPLES).map(([id, multiplePpm]) => ({ serviceId: Number(id), multiplePpm })),
      clients: PEOPLE.map(({ account, clientIndex, keys }) => ({ account, clientIndex, sessionKey: hexIn(keys.publicKey) })),
    },
    ...made,
    refused: refusedRecords([...made.delegations, ...made.records]),
    content: content(),
    ticks: ticks(),
    sessions,
    claim,
  }
  return `${JSON.stringify(vectors, undefined, 2)}\n`
}

if (import.meta.main) writeFileSync(new URL('records.json', import.meta.url), generate())
