// Goal: a genesis file is read in one way or not at all: no unknown, missing or second key, nothing that does not fit, no false signature.
import { sha256 } from '@selvedge/crypto/sha256'
import { describe, expect, test } from 'vitest'
import {
  committeeOfGenesis,
  consensusStakeOf,
  devGenesis,
  formatGenesis,
  GENESIS_BYTES_MAX,
  type GenesisContents,
  isSameBytes,
  mainGenesis,
  nativeSupplyOf,
  parametersFaultOf,
  parseGenesis,
  SYSTEM_ADDRESS,
  testGenesis,
  verifyGenesis,
} from '../src/index.ts'
import { genesisOf } from './network.ts'

const GENESIS = genesisOf()
const FILE = formatGenesis(GENESIS)
const TEXT = new TextDecoder().decode(FILE)
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const refusal = (why: string): unknown =>
  expect.objectContaining({ code: 'LEDGER_BAD_GENESIS', message: expect.stringContaining(why) as string })

test('a file is read back as it was written, with the hash of its bytes', () => {
  expect(parseGenesis(FILE)).toEqual({ ...GENESIS, hash: sha256(FILE) })
  const spaced = bytesOf(`\n ${TEXT.replaceAll(',', ' ,\t')} `)
  const { hash, ...contents } = parseGenesis(spaced)
  expect(contents).toEqual(GENESIS)
  expect(isSameBytes(hash, sha256(FILE))).toBe(false)
})

test('presets differ in what the rules give each network', () => {
  const { parameters: _, prices: __, ...details } = GENESIS
  const presets = [devGenesis, testGenesis, mainGenesis].map((preset) => preset(details))
  for (const preset of presets) {
    expect(parametersFaultOf(preset.parameters)).toBeUndefined()
    expect(parseGenesis(formatGenesis(preset)).parameters).toEqual(preset.parameters)
  }
  expect(presets.map(({ parameters: { epochMs, committeeSize } }) => [epochMs, committeeSize])).toEqual([
    [12_000, 4],
    [3_600_000, 20],
    [86_400_000, 20],
  ])
  expect(devGenesis({ ...details, parameters: { epochMs: 20_000 }, prices: { bytePrice: 11n } })).toMatchObject({
    parameters: { epochMs: 20_000, committeeSize: 4 },
    prices: { bytePrice: 11n, cpuPrice: 50n },
  })
})

test('its committee stands in the order of keys, with whole tokens', () => {
  const committee = committeeOfGenesis(GENESIS)
  expect(committee.map(({ stake }) => stake)).toEqual([2_000, 2_000, 2_000, 2_000])
  expect(new Set(committee.map(({ nodeIndex }) => nodeIndex))).toEqual(new Set([0, 1, 2, 3]))
  expect(committee.every(({ key, nodeIndex }) => isSameBytes(key, GENESIS.nodes[nodeIndex]!.nodeKey))).toBe(true)
  expect([consensusStakeOf(999_999n), consensusStakeOf(1_999_999n), consensusStakeOf(2_000_000n)]).toEqual([1, 1, 2])
  expect(nativeSupplyOf(GENESIS)).toBe(10n ** 15n + 8_000n * 1_000_000n)
})

describe('the text', () => {
  test.each<[string, string, string]>([
    ['an unknown key', TEXT.replace('"format"', '"formats": "1", "format"'), "unknown 'formats'"],
    ['an unknown key inside', TEXT.replace('"symbol"', '"decimals": "6", "symbol"'), "unknown 'decimals'"],
    ['a missing key', TEXT.replace('"threshold": "1",\n  "tokens"', '"tokens"'), "no 'threshold'"],
    ['a missing parameter', TEXT.replace('"epochMs": "12000",', ''), "no 'epochMs'"],
    ['a key twice', TEXT.replace('"format": "1"', '"format": "1", "format": "1"'), "a second 'format'"],
    ['a number', TEXT.replace('"chainId": "1337"', '"chainId": 1337'), 'must be a string'],
    ['null', TEXT.replace('"chainId": "1337"', '"chainId": null'), 'must be a string'],
    ['an integer with a zero before it', TEXT.replace('"1337"', '"01337"'), 'must be an integer'],
    ['an integer with a sign', TEXT.replace('"1337"', '"+1337"'), 'must be an integer'],
    ['a fraction', TEXT.replace('"1337"', '"1337.0"'), 'must be an integer'],
    ['an integer above u64', TEXT.replace('"1337"', '"18446744073709551616"'), 'no u64'],
    ['a chain id above u32', TEXT.replace('"1337"', '"4294967296"'), 'at most 4294967295'],
    ['chain 0', TEXT.replace('"1337"', '"0"'), 'chainId 0'],
    ['another format', TEXT.replace('"format": "1"', '"format": "2"'), 'format must be 1'],
    ['upper-case hex', TEXT.replace('0xaaaa', '0xAAAA'), 'lower-case hex'],
    ['hex without 0x', TEXT.replace('"0xaaaa', '"aaaaaa'), 'lower-case hex'],
    ['a short account', TEXT.replace('0xaaaa', '0xaa'), '20 bytes'],
    ['something behind it', `${TEXT}{}`, 'follows the value'],
    ['a comma too many', TEXT.replace('"format": "1",', '"format": "1",,'), 'must be a key'],
    ['a list where an object must be', '[]', 'must be an object'],
    [
      'an object where a list must be',
      TEXT.replace('"services": [', '"services": {"a": [').replace(/\]\s*\}\s*$/, ']}}'),
      'must be a list',
    ],
    ['an account of two elements', TEXT.replace(/,\s*\[\s*\[\s*"1",\s*"5000000"\s*\]\s*\]/, ''), 'must have 3 elements'],
    ['no end', TEXT.slice(0, -4), ''],
    ['a string without end', '{"format', 'without end'],
    ['a control character in a string', '{"for\nmat": "1"}', 'none'],
    ['lists in lists without end', '['.repeat(100_000), 'nested too deep'],
    ['a byte order mark', `\ufeff${TEXT}`, 'must be'],
  ])('with %s is refused', (_, text, why) => {
    expect(() => parseGenesis(bytesOf(text))).toThrow(refusal(why))
  })

  test('that is not UTF-8, or too long, is refused', () => {
    expect(() => parseGenesis(Uint8Array.of(0x7b, 0xff, 0x7d))).toThrow(refusal('not UTF-8'))
    expect(() => parseGenesis(new Uint8Array(GENESIS_BYTES_MAX + 1))).toThrow(refusal('are the limit'))
    expect(() => parseGenesis(new Uint8Array())).toThrow(refusal('must be'))
  })

  test('cut anywhere is refused', () => {
    for (let size = 0; size < FILE.length - 2; size += 7) expect(() => parseGenesis(FILE.subarray(0, size))).toThrow(refusal(''))
  })
})

describe('the contents', () => {
  const [account] = GENESIS.accounts
  const [node, second] = GENESIS.nodes
  const [service] = GENESIS.services
  const [token] = GENESIS.tokens
  test.each<[string, Partial<GenesisContents>]>([
    ['a price is at least 1', { prices: { ...GENESIS.prices, nativePrice: 0n } }],
    ['governors: a threshold', { governors: { threshold: 2, accounts: GENESIS.governors.accounts } }],
    ['epochMs must be', { parameters: { ...GENESIS.parameters, epochMs: 1 } }],
    ['at least one token', { tokens: [] }],
    ['tokens[0]: a threshold', { tokens: [{ ...token!, keys: { threshold: 0, accounts: token!.keys.accounts } }] }],
    ['printable', { tokens: [{ ...token!, symbol: 'U\u202eSD' }] }],
    ['accounts[1] does not ascend', { accounts: [account!, account!] }],
    ['reserved address', { accounts: [{ ...account!, address: SYSTEM_ADDRESS }] }],
    ['tokens ascend from 1', { accounts: [{ ...account!, balances: [{ token: 0, amount: 1n }] }] }],
    ['tokens ascend from 1', { accounts: [{ ...account!, balances: [{ token: 2, amount: 1n }] }] }],
    ['supply of a token', { accounts: [{ ...account!, balances: [{ token: 1, amount: 2n ** 64n }] }] }],
    ['native supply', { accounts: [{ ...account!, native: 2n ** 53n * 1_000_000n }] }],
    ['nodes[1] has a key', { nodes: [node!, node!] }],
    ['nodes[1] has a key', { nodes: [node!, { ...second!, bls: node!.bls }] }],
    ['less than minStake', { nodes: [{ ...node!, stake: 1n }] }],
    ["another node's", { nodes: [{ ...node!, noiseRecord: second!.noiseRecord }] }],
    ['1 to 4 addresses', { nodes: [{ ...node!, addresses: Uint8Array.of(0) }] }],
    ['1 to 100 members', { committee: [] }],
    ['committee does not ascend', { committee: [1, 0] }],
    ['which is none', { committee: [0, 4] }],
    ['service 0', { services: [] }],
    ['shares of payees', { services: [{ ...service!, payees: [{ account: account!.address, ppm: 1 }] }] }],
    ['1 to 16 payees', { services: [{ ...service!, payees: [] }] }],
    ['at most 10^6', { services: [{ ...service!, multiplePpm: 1_000_001 }] }],
  ])('are refused where %s', (why, change) => {
    expect(() => formatGenesis({ ...GENESIS, ...change })).toThrow(refusal(why))
  })
})

describe('the signatures', () => {
  const nodes = GENESIS.nodes
  test('of operators over their own entries are verified', () => {
    expect(() => verifyGenesis(GENESIS)).not.toThrow()
  })

  test.each<[string, Partial<GenesisContents>]>([
    ['pop', { nodes: [nodes[0]!, { ...nodes[1]!, pop: nodes[2]!.pop }] }],
    ['nodeSig', { nodes: [nodes[0]!, { ...nodes[1]!, owner: new Uint8Array(20).fill(1) }] }],
    ['nodeSig', { timeMs: GENESIS.timeMs + 1 }],
    ['nodeSig', { chainId: 7 }],
    ['nodeSig', { nodes: [{ ...nodes[0]!, addresses: nodes[1]!.addresses }] }],
    ['nodeKey is no key', { nodes: [{ ...nodes[0]!, nodeKey: new Uint8Array(32) }] }],
  ])('are refused where %s does not fit', (why, change) => {
    expect(() => verifyGenesis({ ...GENESIS, ...change })).toThrow(refusal(why))
  })
})
