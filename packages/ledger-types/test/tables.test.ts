// Goal: the tables say what the rules say: codes with their words, kinds with their numbers, parameters within their bounds.
import { DOMAINS } from '@selvedge/crypto/transcript'
import { sha256 } from '@selvedge/crypto/sha256'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { signSecp256k1, addressOf, secp256k1PublicKeyOf } from '@selvedge/crypto/secp256k1'
import { hashTypedData, InsufficientFundsError, NonceTooHighError, NonceTooLowError, FeeCapTooLowError } from 'viem'
import { describe, expect, test } from 'vitest'
import {
  actionHash,
  beaconCommitment,
  beaconOf,
  bridgeMintDigest,
  bridgeSignersOf,
  ByteWriter,
  chunkGas,
  CODE_WORDS,
  CODES,
  codesOf,
  committeeSeed,
  compareBytes,
  concatBytes,
  decodeAction,
  decodeNoiseRecord,
  defaultParameters,
  encodeAction,
  encodeNodeBody,
  encodeNoiseRecord,
  EVENTS,
  eventKindOf,
  feeOf,
  fromHex,
  GOVERNED_ACTIONS,
  isCode,
  isFailed,
  isNoiseRecordSigned,
  isRefused,
  isReservedAddress,
  isSystemAddress,
  LedgerError,
  microOfWei,
  noiseRecordSigningBytes,
  NODE_KINDS,
  nodeBodyOf,
  nodeGas,
  nodeKindOf,
  parameterNameOf,
  PARAMETER_NAMES,
  PARAMETERS,
  type Parameters,
  parametersFaultOf,
  registrationSigningBytes,
  reportCommitment,
  SYSTEM_ADDRESS,
  SYSTEM_KINDS,
  toHex,
  tokenAddress,
  tokenOf,
} from '../src/index.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

describe('codes', () => {
  test('have each their words, and stand in the two halves', () => {
    expect(Object.keys(CODE_WORDS)).toHaveLength(Object.keys(CODES).length)
    for (const code of Object.values(CODES)) {
      expect(isCode(code)).toBe(true)
      expect([isRefused(code), isFailed(code)]).toEqual([code > 0 && code < 32, code >= 32])
    }
    for (const none of [12, 31, 35, 54, -1, 1.5, 2 ** 16]) expect(isCode(none)).toBe(false)
  })

  test.each([
    [CODES.nonceTooLow, NonceTooLowError],
    [CODES.nonceTooHigh, NonceTooHighError],
    [CODES.insufficientFunds, InsufficientFundsError],
    [CODES.feeTooLow, FeeCapTooLowError],
  ])('speak of %i in words that viem recognises', (code, { nodeMessage }) => {
    expect(nodeMessage.test(CODE_WORDS[code])).toBe(true)
  })
})

describe('addresses', () => {
  test('of the system and of tokens are reserved and name what they are', () => {
    expect(toHex(SYSTEM_ADDRESS)).toBe(`${toHex(text('selvedge/system'))}0000000000`)
    expect(toHex(tokenAddress(258))).toBe(`${toHex(text('selvedge/token'))}000000000102`)
    for (const token of [1, 2 ** 32 - 1]) expect(tokenOf(tokenAddress(token))).toBe(token)
    expect([isSystemAddress(SYSTEM_ADDRESS), isReservedAddress(tokenAddress(1)), isReservedAddress(new Uint8Array(20))]).toEqual([
      true,
      true,
      false,
    ])
    expect([tokenOf(SYSTEM_ADDRESS), tokenOf(tokenAddress(1).with(19, 0)), tokenOf(tokenAddress(1).slice(1))]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    for (const token of [0, -1, 1.5, 2 ** 32]) expect(() => tokenAddress(token)).toThrow(LedgerError)
  })

  test('value counts in whole micro-units or not at all', () => {
    expect([microOfWei(0n), microOfWei(3n * 10n ** 12n), microOfWei(10n ** 12n + 1n)]).toEqual([0n, 3n, undefined])
  })
})

describe('gas', () => {
  test('of a node transaction is that of its bytes and its kind', () => {
    expect(chunkGas(0)).toBe(0)
    expect([chunkGas(1), chunkGas(64), chunkGas(65)]).toEqual([1_000, 1_000, 2_000])
    const none = new Uint8Array()
    expect(nodeGas({ kind: NODE_KINDS.optIn.id, body: none }, 83)).toBe(5_000 + 2_000 + 10_000)
    expect(nodeGas({ kind: NODE_KINDS.evidence.id, body: none }, 83)).toBe(5_000 + 2_000 + 100_000)
    const entries = Array.from({ length: 3 }, (_, i) => ({ root: new Uint8Array(32).fill(i), isAdded: true }))
    expect(nodeGas({ kind: NODE_KINDS.contentUpdate.id, body: encodeNodeBody({ kind: 'contentUpdate', entries }) }, 184)).toBe(
      5_000 + 3_000 + 15_000,
    )
    const answer = new ByteWriter().epoch(1).u32(2).u16(0).u16(39).finish()
    expect(nodeGas({ kind: NODE_KINDS.claimAnswer.id, body: answer }, 64)).toBe(5_000 + 1_000 + 39 * 50_000)
    const dispute = encodeNodeBody({ kind: 'disputeAnswer', clientIndex: 1, serviceId: 0, bytes: answer })
    expect(nodeGas({ kind: NODE_KINDS.disputeAnswer.id, body: dispute }, 64)).toBe(5_000 + 1_000 + 39 * 50_000)
  })

  test('of debits rises with every pair that is listed', () => {
    const listed = (bytes: number): number => nodeGas({ kind: NODE_KINDS.claimDebits.id, body: new Uint8Array(20 + bytes) }, 64) - 6_000
    expect([0, 18, 28, 38].map(listed)).toEqual([12_000, 14_000, 16_000, 18_000]) // a section's head counts as one
    expect(listed(61_438)).toBe(10_000 + 2_000 * 6_144)
  })

  test('of openings or entries is never nothing, whatever the body says', () => {
    for (const kind of [NODE_KINDS.claimAnswer, NODE_KINDS.disputeAnswer, NODE_KINDS.contentUpdate]) {
      for (const body of [new Uint8Array(), new Uint8Array(1), new Uint8Array(40)]) {
        expect(nodeGas({ kind: kind.id, body }, 64)).toBeGreaterThan(6_000)
      }
    }
  })

  test('costs exactly, since all of it is in thousands', () => {
    expect(feeOf(21_000, 100n)).toBe(2_100n)
    expect(feeOf(0, 100n)).toBe(0n)
  })
})

describe('kinds', () => {
  test('have the numbers of the rules', () => {
    const ids = Object.fromEntries(Object.entries(NODE_KINDS).map(([name, { id }]) => [name, id]))
    const claims = { claimCommit: 0x10, claimDebits: 0x11, claimAnswer: 0x12, disputeAnswer: 0x13 }
    const reports = { reportCommit: 0x20, reportReveal: 0x21, coordinates: 0x22, contentUpdate: 0x30, evidence: 0x31, version: 0x40 }
    expect(ids).toEqual({ optIn: 1, optOut: 2, setNode: 3, ...claims, ...reports })
    const dutiable = Object.entries(NODE_KINDS).filter(([, { isDuty }]) => !isDuty)
    expect(dutiable.map(([name]) => name)).toEqual(['disputeAnswer', 'evidence'])
    for (const [name, { id, checks }] of Object.entries(NODE_KINDS)) {
      expect(nodeKindOf(id)).toBe(name)
      expect(codesOf(checks).every((code) => isCode(code) && isFailed(code))).toBe(true)
    }
    expect(Object.values(SYSTEM_KINDS).map(({ id }) => id)).toEqual([0, 1, 2, 3, 4])
    expect(Object.values(EVENTS).map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13])
    expect([eventKindOf(3), eventKindOf(0), eventKindOf(14), nodeKindOf(0)]).toEqual(['transfer', undefined, undefined, undefined])
  })

  test('of governed actions have their numbers on the wire', () => {
    const ids = Object.fromEntries(Object.entries(GOVERNED_ACTIONS).map(([kind, { id }]) => [kind, id]))
    const first = { parameter: 0, prices: 1, addToken: 2, tokenKeys: 3, tokenCap: 4, governors: 5 }
    expect(ids).toEqual({ ...first, nativePrice: 6, activateVersion: 7, removeService: 8, spend: 9 })
    const spend = { kind: 'spend', to: new Uint8Array(20).fill(7), amount: 5n } as const
    expect([...encodeAction(spend)]).toEqual([9, ...spend.to, 5, 0, 0, 0, 0, 0, 0, 0])
    expect(decodeAction(encodeAction(spend))).toEqual(spend)
  })

  test('a body that is not in its form is none', () => {
    expect(nodeBodyOf({ kind: 1, body: Uint8Array.of(0) })).toBeUndefined()
    expect(nodeBodyOf({ kind: 0x77, body: new Uint8Array() })).toBeUndefined()
    expect(nodeBodyOf({ kind: 1, body: new Uint8Array() })).toEqual({ kind: 'optIn' })
  })

  test('entries and targets out of order, twice, or with another flag are none', () => {
    const entries = [1, 2].map((byte) => ({ root: new Uint8Array(32).fill(byte), isAdded: byte === 1 }))
    const content = encodeNodeBody({ kind: 'contentUpdate', entries })
    const kind = NODE_KINDS.contentUpdate.id
    expect(nodeBodyOf({ kind, body: content })).toEqual({ kind: 'contentUpdate', entries })
    const [first, second] = [content.slice(2, 35), content.slice(35)]
    const wrong = [concatBytes(second, first), concatBytes(first, first), concatBytes(first, second.with(32, 2)), first]
    for (const each of wrong) expect(nodeBodyOf({ kind, body: concatBytes(content.slice(0, 2), each) })).toBeUndefined()
    const measurements = [3, 4].map((target) => ({ target, rttMicros: 1, jitterMicros: 2, answered: 3, asked: 4 }))
    const body = encodeNodeBody({ kind: 'reportReveal', epoch: 1, salt: new Uint8Array(32), measurements })
    expect(nodeBodyOf({ kind: NODE_KINDS.reportReveal.id, body })).toMatchObject({ measurements })
    for (const target of [3, 2]) expect(nodeBodyOf({ kind: NODE_KINDS.reportReveal.id, body: body.with(42 + 16, target) })).toBeUndefined()
  })

  test('keys of governors and bridges ascend, and their threshold can be met', () => {
    const accounts = [1, 2].map((byte) => new Uint8Array(20).fill(byte))
    const action = encodeAction({ kind: 'governors', keys: { threshold: 2, accounts } })
    expect(decodeAction(action)).toEqual({ kind: 'governors', keys: { threshold: 2, accounts } })
    const head = action.slice(0, 3)
    for (const wrong of [
      concatBytes(head, accounts[1]!, accounts[0]!),
      concatBytes(head, accounts[0]!, accounts[0]!),
      action.with(1, 3),
      action.with(1, 0),
    ]) {
      expect(() => decodeAction(wrong)).toThrow(expect.objectContaining({ code: 'LEDGER_MALFORMED' }))
    }
    for (const keys of [
      { threshold: 1, accounts: accounts.toReversed() },
      { threshold: 3, accounts },
      { threshold: 0, accounts },
      { threshold: 1, accounts: [] },
    ]) {
      expect(() => encodeAction({ kind: 'governors', keys })).toThrow(expect.objectContaining({ code: 'LEDGER_OUT_OF_RANGE' }))
    }
    const named = { kind: 'addToken', symbol: 'USD', name: 'US dollar', cap: 1n, keys: { threshold: 1, accounts } } as const
    for (const change of [{ symbol: '' }, { symbol: 'U'.repeat(17) }, { name: 'n'.repeat(65) }, { name: 'a\u0000' }, { name: 'é' }]) {
      expect(() => encodeAction({ ...named, ...change })).toThrow(expect.objectContaining({ code: 'LEDGER_OUT_OF_RANGE' }))
    }
    expect(() => decodeAction(encodeAction(named).with(2, 0x07))).toThrow(expect.objectContaining({ code: 'LEDGER_MALFORMED' }))
    expect(() => decodeAction(encodeAction(named).with(1, 17))).toThrow(expect.objectContaining({ code: 'LEDGER_MALFORMED' }))
  })

  test('entries out of order are refused when they are written, too', () => {
    const entries = [1, 0].map((byte) => ({ root: new Uint8Array(32).fill(byte), isAdded: true }))
    const measured = [5, 5].map((target) => ({ target, rttMicros: 1, jitterMicros: 1, answered: 1, asked: 1 }))
    for (const body of [
      { kind: 'contentUpdate', entries },
      { kind: 'contentUpdate', entries: Array.from({ length: 101 }, (_, i) => ({ root: new Uint8Array(32).fill(i), isAdded: true })) },
      { kind: 'reportReveal', epoch: 1, salt: new Uint8Array(32), measurements: measured },
      { kind: 'coordinates', epoch: 1, coordinates: [1], receiptRoot: new Uint8Array(32) },
    ] as const) {
      expect(() => encodeNodeBody(body)).toThrow(expect.objectContaining({ code: 'LEDGER_OUT_OF_RANGE' }))
    }
  })
})

describe('parameters', () => {
  test.each(['main', 'dev'] as const)('of a %s network are within their bounds, by themselves and together', (network) => {
    expect(parametersFaultOf(defaultParameters(network))).toBeUndefined()
  })

  test('have unique numbers, by which they are found', () => {
    expect(new Set(PARAMETER_NAMES.map((name) => PARAMETERS[name].id)).size).toBe(27)
    for (const name of PARAMETER_NAMES) expect(parameterNameOf(PARAMETERS[name].id)).toBe(name)
    expect(parameterNameOf(27)).toBeUndefined()
  })

  test.each<[string, Partial<Parameters>]>([
    ['epochMs must be', { epochMs: 11_999 }],
    ['committeeSize must be', { committeeSize: 3 }],
    ['minStake must be', { minStake: 0n }],
    ['unbondEpochs must be', { unbondEpochs: 3 }],
    ['burnPpm must be', { burnPpm: 9_999 }],
    ['baseFeeMin must be', { baseFeeMin: 99 }],
    ['900,000 together', { burnPpm: 400_000, servicePpm: 400_000, protocolPpm: 100_001 }],
    ['0.5 · 10^12', { emissionPpm: 125_001 }],
    ['10^6 together', { emissionNodesPpm: 800_001 }],
    ['at least committeeSize', { committeeSize: 50, candidateCount: 49 }],
    ['orderMode must be', { orderMode: 2 }],
    ['gcDepth must be from 8 to 200', { gcDepth: 7 }],
    ['gcDepth must be from 8 to 200', { gcDepth: 201 }],
    ['scheduleCommits must be from 2 to 10000', { scheduleCommits: 1 }],
    ['scheduleCommits must be from 2 to 10000', { scheduleCommits: 10_001 }],
  ])('are refused where %s', (why, change) => {
    expect(parametersFaultOf({ ...defaultParameters('main'), ...change })).toContain(why)
  })
})

describe('what is signed or hashed', () => {
  const owner = new Uint8Array(20).fill(1)
  const bls = new Uint8Array(48).fill(2)
  const chain = Uint8Array.of(7, 0, 0, 0)

  test('a registration binds chain, owner, BLS key, record and addresses, and in genesis its time', () => {
    const fields = { chainId: 7, owner, bls, noiseRecord: text('record'), addresses: text('addresses') }
    const expected = concatBytes(text(DOMAINS.register), chain, owner, bls, sha256(text('record')), sha256(text('addresses')))
    expect(registrationSigningBytes(fields)).toEqual(expected)
    expect(registrationSigningBytes({ ...fields, genesisTimeMs: 258 })).toEqual(
      concatBytes(expected, Uint8Array.of(2, 1, 0, 0, 0, 0, 0, 0)),
    )
  })

  test('beacon, report and committee draws hash the bytes of the rules', () => {
    const secret = new Uint8Array(32).fill(3)
    const previous = new Uint8Array(32).fill(4)
    const epoch = Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0)
    expect(beaconCommitment(7, 9, 2, secret)).toEqual(sha256(concatBytes(Uint8Array.of(0x0c), chain, epoch, Uint8Array.of(2, 0), secret)))
    const revealed = concatBytes(Uint8Array.of(1, 0), Uint8Array.of(2, 0), secret)
    expect(beaconOf(7, 9, previous, [{ author: 2, secret }])).toEqual(
      sha256(concatBytes(Uint8Array.of(0x0d), chain, epoch, previous, revealed)),
    )
    expect(beaconOf(7, 9, previous, [])).toEqual(sha256(concatBytes(Uint8Array.of(0x0d), chain, epoch, previous, Uint8Array.of(0, 0))))
    expect(committeeSeed(7, 9, previous, 5)).toEqual(
      sha256(concatBytes(text(DOMAINS.committee), chain, epoch, previous, Uint8Array.of(5, 0, 0, 0))),
    )
    expect(reportCommitment(7, 5, secret)).toEqual(sha256(concatBytes(text(DOMAINS.report), chain, Uint8Array.of(5, 0, 0, 0), secret)))
    expect(actionHash(secret, 9n)).toEqual(sha256(concatBytes(secret, epoch)))
  })

  test('a noise record is its node’s for one chain', () => {
    const keys = createKeyPair(new Uint8Array(32).fill(5))
    const record = { nodeKey: keys.publicKey, x25519: new Uint8Array(32).fill(6), notAfterEpoch: 40 }
    const signature = keys.sign(noiseRecordSigningBytes(7, record))
    expect(isNoiseRecordSigned(7, { ...record, signature })).toBe(true)
    expect(isNoiseRecordSigned(8, { ...record, signature })).toBe(false)
    expect(isNoiseRecordSigned(7, { ...record, notAfterEpoch: 41, signature })).toBe(false)
    const bytes = encodeNoiseRecord({ ...record, signature })
    expect(decodeNoiseRecord(bytes)).toEqual({ ...record, signature })
    const malformed = expect.objectContaining({ code: 'LEDGER_MALFORMED' })
    for (const wrong of [bytes.subarray(1), Uint8Array.of(...bytes, 0), new Uint8Array(0), bytes.with(68, 1)])
      expect(() => decodeNoiseRecord(wrong)).toThrow(malformed)
    const outOfRange = expect.objectContaining({ code: 'LEDGER_OUT_OF_RANGE' })
    for (const wrong of [
      { notAfterEpoch: 2 ** 32 },
      { notAfterEpoch: 1.5 },
      { x25519: new Uint8Array(31) },
      { signature: new Uint8Array(65) },
    ])
      expect(() => encodeNoiseRecord({ ...record, signature, ...wrong })).toThrow(outOfRange)
  })

  test('a bridge’s keys sign what a wallet shows', () => {
    const mint = { token: 1, sourceId: new Uint8Array(32).fill(8), to: owner, prepaid: true, amount: 77n }
    const fields = { token: 'uint32', sourceId: 'bytes32', to: 'address', prepaid: 'bool', amount: 'uint256' }
    const types = { Mint: Object.entries(fields).map(([name, type]) => ({ name, type })) }
    const hex = (bytes: Uint8Array): `0x${string}` => `0x${toHex(bytes)}`
    const message = { ...mint, sourceId: hex(mint.sourceId), to: hex(mint.to) }
    const digest = bridgeMintDigest(7, mint)
    expect(hex(digest)).toBe(hashTypedData({ domain: { name: 'Selvedge', version: '1', chainId: 7 }, types, primaryType: 'Mint', message }))
    const keys = [1, 2].map((byte) => new Uint8Array(32).fill(byte))
    const signatures = keys.map((key) => {
      const { signature, v } = signSecp256k1(digest, key)
      return concatBytes(signature, Uint8Array.of(v))
    })
    const accounts = keys.map((key) => addressOf(secp256k1PublicKeyOf(key)))
    expect(bridgeSignersOf(digest, concatBytes(...signatures))).toEqual(accounts)
    expect(bridgeSignersOf(digest, new Uint8Array())).toEqual([])
    expect(bridgeSignersOf(digest, concatBytes(...signatures).slice(1))).toBeUndefined()
    expect(bridgeSignersOf(digest, new Uint8Array(65))).toBeUndefined()
  })
})

test('hex is lower case and of whole bytes', () => {
  expect(fromHex('00ff')).toEqual(Uint8Array.of(0, 255))
  for (const wrong of ['0', 'FF', '0x00', 'gg']) expect(() => fromHex(wrong)).toThrow(expect.objectContaining({ code: 'LEDGER_MALFORMED' }))
  expect([compareBytes(Uint8Array.of(1), Uint8Array.of(1, 0)), compareBytes(Uint8Array.of(2), Uint8Array.of(1, 0))].map(Math.sign)).toEqual(
    [-1, 1],
  )
})
