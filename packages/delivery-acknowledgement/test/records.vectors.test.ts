// Goal: the published records are decoded to what they say and encoded to the same bytes, their signatures, digests and hashes are what is published, a claim made
// of them is the published one and stands its challenge, the others are refused with their code, and all of it is what the plain layouts make.
import { isEd25519Signature } from '@selvedge/crypto/ed25519'
import { sessionIdOf, type SessionIdInputs } from '@selvedge/crypto/transcript'
import * as acks from '@selvedge/delivery-acknowledgement'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { contentAfter, contentStartOf, laneDigestOf } from '../src/content-chain.ts'
import { readOpening } from '../src/opening.ts'
import { WireReader } from '../src/wire.ts'
import { generate, type Vectors } from '../vectors/generate.ts'
import { LAYOUTS } from '../vectors/layouts.ts'

const text = readFileSync(new URL('../vectors/records.json', import.meta.url), 'utf8')
const vectors = JSON.parse(text) as Vectors

const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** Bytes are `0x` and hex, a u64 is decimal text. */
function valueOf(json: unknown): unknown {
  if (typeof json === 'string') return json.startsWith('0x') ? fromHex(json.slice(2)) : BigInt(json)
  if (Array.isArray(json)) return json.map((each) => valueOf(each))
  if (typeof json === 'object' && json !== null)
    return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, valueOf(value)]))
  return json
}

const bytesOf = (json: string): Uint8Array => valueOf(json) as Uint8Array

interface Codec {
  readonly encode: (value: never) => Uint8Array
  readonly decode: (bytes: Uint8Array) => unknown
}
function decodeOpening(bytes: Uint8Array): acks.Opening {
  const reader = new WireReader(bytes)
  const opening = readOpening(reader)
  reader.end('an opening')
  return opening
}
const CODECS: Readonly<Record<string, Codec>> = {
  delegation: { encode: acks.encodeDelegation, decode: acks.decodeDelegation },
  acknowledgement: { encode: acks.encodeAcknowledgement, decode: acks.decodeAcknowledgement },
  debits: {
    encode: ({ debits }: { readonly debits: readonly acks.Debit[] }) => acks.encodeDebits(debits),
    decode: (bytes) => {
      const placed = acks.readDebits(acks.DEBITS_START, bytes)
      return { debits: placed.map(({ serviceId, clientIndex, amount }) => ({ serviceId, clientIndex, amount })) }
    },
  },
  ClaimCommit: { encode: acks.encodeClaimCommit, decode: acks.decodeClaimCommit },
  ClaimDebits: { encode: acks.encodeClaimDebits, decode: acks.decodeClaimDebits },
  opening: { encode: acks.encodeOpening, decode: decodeOpening },
  ClaimAnswer: { encode: acks.encodeClaimAnswer, decode: acks.decodeClaimAnswer },
  DisputeAnswer: { encode: acks.encodeDisputeAnswer, decode: acks.decodeDisputeAnswer },
}

interface Rules extends Omit<acks.EpochRules, 'multiplePpmOf' | 'clientOf'> {
  readonly multiplesPpm: readonly { readonly serviceId: number; readonly multiplePpm: number }[]
  readonly clients: readonly { readonly account: Uint8Array; readonly clientIndex: number; readonly sessionKey: Uint8Array }[]
}
const { multiplesPpm, clients, ...place } = valueOf(vectors.rules) as Rules
const clientOf = (account: Uint8Array): Rules['clients'][number] | undefined =>
  clients.find((each) => toHex(each.account) === toHex(account))
const rules: acks.EpochRules = {
  ...place,
  multiplePpmOf: (serviceId) => multiplesPpm.find((each) => each.serviceId === serviceId)?.multiplePpm,
  clientOf: (account) => {
    const client = clientOf(account)
    return client === undefined ? undefined : { clientIndex: client.clientIndex, minNonce: 0n }
  },
}
const ofKind = (kind: string): Vectors['records'] => vectors.records.filter((each) => each.kind === kind)
const hexNamed = (name: string): string => vectors.records.find((each) => each.name === name)!.hex

test.each([...vectors.delegations, ...vectors.records])('$name is one value and one encoding', ({ kind, fields, hex }) => {
  const { encode, decode } = CODECS[kind]!
  const value = valueOf(fields) as never
  expect(toHex(encode(value))).toBe(hex)
  expect(decode(fromHex(hex))).toEqual(value)
})

test.each(vectors.refused)('refused: $name', ({ kind, hex, code }) => {
  expect(() => CODECS[kind]!.decode(fromHex(hex))).toThrow(expect.objectContaining({ code }))
})

test('every layout is among them, and refused in some form', () => {
  const kinds = new Set(Object.keys(LAYOUTS))
  expect(new Set(Object.keys(CODECS))).toEqual(kinds)
  expect(new Set([...vectors.delegations, ...vectors.records].map(({ kind }) => kind))).toEqual(kinds)
  expect(new Set(vectors.refused.map(({ kind }) => kind))).toEqual(kinds)
})

test.each(vectors.delegations)('what the account signs of $name', ({ chainId, fields, digest, isSigned }) => {
  const delegation = valueOf(fields) as acks.Delegation
  expect(toHex(acks.delegationDigestOf(chainId, delegation))).toBe(digest)
  expect(acks.isDelegationSigned(chainId, delegation)).toBe(isSigned)
})

test.each(ofKind('acknowledgement'))("what the session's key signs of $name", ({ fields, hex }) => {
  const acknowledgement = valueOf(fields) as acks.Acknowledgement
  const preimage = acks.acknowledgementPreimageOf(acknowledgement)
  expect(toHex(preimage)).toBe(hex.slice(0, 344))
  expect(isEd25519Signature(acknowledgement.signature, preimage, clientOf(acknowledgement.account)!.sessionKey)).toBe(true)
})

test('what was delivered is chained as published', () => {
  const { sessionId, channelBinding, lanes, start, steps } = vectors.content
  for (const { openBody, acceptBody, digest } of lanes) expect(toHex(laneDigestOf(bytesOf(openBody), bytesOf(acceptBody)))).toBe(digest)
  let root = contentStartOf(bytesOf(sessionId), bytesOf(channelBinding))
  expect(toHex(root)).toBe(start)
  for (const { lane, from, to, root: after } of steps) {
    root = contentAfter(root, fromHex(lanes[lane]!.digest), BigInt(from), BigInt(to))
    expect(toHex(root)).toBe(after)
  }
})

describe('ticks', () => {
  const { secret, length, elements, judged } = vectors.ticks

  test.each(elements)('the element at $index of the published chain', ({ index, x }) => {
    expect(acks.createTickChain(bytesOf(secret), length).at(index)).toEqual(valueOf(x))
  })

  test.each(judged)('$name', ({ payAnchor, index, x, isTick }) => {
    expect(acks.isTick(bytesOf(payAnchor), { index, x: bytesOf(x) })).toBe(isTick)
  })
})

describe('the claim', () => {
  const { leaves, nodes, beacon, points } = vectors.claim
  const leafOf = (index: number): acks.ClaimLeaf => valueOf(leaves[index]!.fields) as acks.ClaimLeaf
  const openings = ofKind('opening').map(({ hex }) => decodeOpening(fromHex(hex)))

  test('has sessions, keys and leaves as published', () => {
    for (const [index, { clientIndex, hash }] of leaves.entries()) {
      const leaf = leafOf(index)
      const { acknowledgement, tick } = openings[index]!
      const { fields, hex } = vectors.sessions[index]!
      expect(toHex(sessionIdOf(valueOf(fields) as SessionIdInputs))).toBe(hex)
      expect([toHex(acknowledgement.sessionId), acks.claimKeyOf(acknowledgement.serviceId, clientIndex, fromHex(hex))]).toEqual([
        hex,
        leaf.key,
      ])
      expect([toHex(acks.encodeAcknowledgement(acknowledgement)), tick.index]).toEqual([toHex(leaf.acknowledgement), leaf.tickIndex])
      expect(toHex(acks.createClaimTree([leaf]).root)).toBe(hash)
    }
  })

  test('has nodes, paths, debits and messages as published', () => {
    const trees = [
      [0, 1],
      [0, 1, 2],
    ].map((places) => acks.createClaimTree(places.map(leafOf)))
    expect(trees.map(({ root, total }) => ({ hash: toHex(root), sum: String(total) }))).toEqual(nodes)
    const sessions = openings.map(({ acknowledgement, tick, session, delegation }, index) => {
      const evidence = { acknowledgement, tick, session, delegation }
      return { evidence, leaf: acks.claimLeafOf(evidence, leaves[index]!.clientIndex, leafOf(index).amount) }
    })
    const claim = acks.buildClaim(sessions.toReversed())
    expect(openings.map((_, index) => claim.open(index))).toEqual(openings)
    expect([claim.commit, ...claim.parts].map(toHex)).toEqual([hexNamed('ClaimCommit'), hexNamed('ClaimDebits, all in one')])
    expect(toHex(acks.encodeDebits(claim.debits))).toBe(hexNamed('debits of the claim'))
  })

  test('stands the challenge that the published beacon draws', () => {
    const tree = acks.createClaimTree([0, 1, 2].map(leafOf))
    const { root, total } = tree
    const drawn = acks.drawPoints(bytesOf(beacon), { ...rules, root, total }, 0)
    expect(drawn.map(String)).toEqual(points)
    const debits = fromHex(hexNamed('debits of the claim'))
    const opened = drawn.map((point) => openings[tree.indexAt(point)])
    const debitOf = (point: bigint): acks.Debit | undefined => acks.debitAt(acks.DEBITS_START, debits, point)
    expect(acks.checkAnswer({ root, total }, drawn, opened, rules, debitOf)).toEqual({ verdict: 'true' })
  })
})

test('the published data is what its generator makes', () => {
  expect(generate()).toBe(text)
})
