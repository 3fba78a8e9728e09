// Goal: the tables of functions are those that wallets call, and the ledger's reading of call data is viem's, but for what is not canonical.
import fc from 'fast-check'
import { type Abi, decodeFunctionData, encodeFunctionData, encodeFunctionResult, parseAbi, toFunctionSelector } from 'viem'
import { describe, expect, test } from 'vitest'
import {
  type AbiType,
  callGas,
  callOf,
  CODES,
  codesOf,
  concatBytes,
  encodeAbi,
  encodeSystemCall,
  encodeTokenCall,
  type FunctionSchema,
  GAS,
  isCode,
  selectorOf,
  signatureOf,
  SYSTEM_ADDRESS,
  SYSTEM_FUNCTIONS,
  type SystemFunctionName,
  toHex,
  TOKEN_FUNCTIONS,
  tokenAddress,
  type TokenFunctionName,
} from '../src/index.ts'
import { amount, big, bytes, someBytes, u32, u8 } from './values.ts'

const RUNS = Number(process.env.RUNS ?? 20)
const hex = (input: Uint8Array): `0x${string}` => `0x${toHex(input)}`
const systemNames = Object.keys(SYSTEM_FUNCTIONS) as SystemFunctionName[]
const tokenNames = Object.keys(TOKEN_FUNCTIONS) as TokenFunctionName[]
const payees = fc.array(fc.record({ account: bytes(20), ppm: u32 }), { maxLength: 4 })
const valuesOfType: Readonly<Record<AbiType, fc.Arbitrary<unknown>>> = {
  uint8: u8,
  uint32: u32,
  uint64: amount,
  uint256: big(256),
  bool: fc.boolean(),
  address: bytes(20),
  bytes32: bytes(32),
  bytes: someBytes(150),
  string: fc.string(),
  '(address,uint32)[]': payees,
}

/** A value in viem's words. */
function forViem(type: AbiType, value: unknown): unknown {
  if (value instanceof Uint8Array) return hex(value)
  if (type === '(address,uint32)[]') return (value as { account: Uint8Array; ppm: number }[]).map(({ account, ppm }) => [hex(account), ppm])
  return value
}

type AnySchema = Pick<FunctionSchema, 'args'>
const abiOf = (name: string, schema: AnySchema): Abi => parseAbi([`function ${signatureOf(name, schema)}`] as readonly string[]) as Abi
const argumentsOf = ({ args }: AnySchema): fc.Arbitrary<Record<string, unknown>> =>
  fc.record(Object.fromEntries(args.map(({ name, type }) => [name, valuesOfType[type]])), { noNullPrototype: true })

describe.each([...systemNames.map((name) => ['system', name] as const), ...tokenNames.map((name) => ['token', name] as const)])(
  '%s function %s',
  (target, name) => {
    const schema = (
      target === 'system' ? SYSTEM_FUNCTIONS[name as SystemFunctionName] : TOKEN_FUNCTIONS[name as TokenFunctionName]
    ) as AnySchema
    const encode = (args: unknown): { to: Uint8Array; data: Uint8Array } =>
      target === 'system' ? encodeSystemCall(name as 'stake', args as never) : encodeTokenCall(3, name as 'transfer', args as never)

    test('has the selector, the arguments and the bytes that viem gives it, both ways', () => {
      expect(hex(selectorOf(name, schema))).toBe(toFunctionSelector(`function ${signatureOf(name, schema)}`))
      const abi = abiOf(name, schema)
      fc.assert(
        fc.property(argumentsOf(schema), (args) => {
          const { to, data } = encode(args)
          const viemArgs = schema.args.map((each) => forViem(each.type, args[each.name]))
          expect(hex(data)).toBe(encodeFunctionData({ abi, functionName: name, args: viemArgs as never }))
          const call = callOf({ to, value: 0n, data })
          expect(call).toMatchObject({ target, name, args })
          const decoded = decodeFunctionData({ abi, data: hex(data) }).args as unknown[] | undefined
          expect((decoded ?? []).length).toBe(schema.args.length)
        }),
        { numRuns: RUNS },
      )
    })

    test('is understood in no second form', () => {
      fc.assert(
        fc.property(argumentsOf(schema), (args) => {
          const { to, data } = encode(args)
          const wrong = [concatBytes(data, new Uint8Array(32)), data.slice(0, -1), concatBytes(data, Uint8Array.of(0))]
          for (const each of wrong) expect(callOf({ to, value: 0n, data: each })).toEqual({ target: 'none', code: CODES.abi })
        }),
        { numRuns: RUNS },
      )
    })
  },
)

test('a tail that stands elsewhere than the shortest form puts it is not understood, though viem takes it', () => {
  const to = Uint8Array.of(1, 2)
  const { data } = encodeSystemCall('bridgeOut', { token: 1, to, amount: 5n })
  const moved = concatBytes(
    data.slice(0, 4 + 32),
    new Uint8Array(32).fill(0x80, 31),
    data.slice(4 + 64, 4 + 96),
    new Uint8Array(32),
    data.slice(4 + 96),
  )
  const abi = abiOf('bridgeOut', SYSTEM_FUNCTIONS.bridgeOut)
  expect((decodeFunctionData({ abi, data: hex(moved) }).args as unknown[])[1]).toBe('0x0102')
  expect(callOf({ to: SYSTEM_ADDRESS, value: 0n, data: moved })).toEqual({ target: 'none', code: CODES.abi })
})

test('results of a token are what a wallet reads', () => {
  const abi = parseAbi([
    'function name() view returns (string)',
    'function decimals() view returns (uint8)',
    'function balanceOf(address) view returns (uint256)',
  ])
  expect(hex(encodeAbi(['string'], ['US dollar, bridged']))).toBe(
    encodeFunctionResult({ abi, functionName: 'name', result: 'US dollar, bridged' }),
  )
  expect(hex(encodeAbi(['uint8'], [6]))).toBe(encodeFunctionResult({ abi, functionName: 'decimals', result: 6 }))
  expect(hex(encodeAbi(['uint256'], [10n ** 30n]))).toBe(encodeFunctionResult({ abi, functionName: 'balanceOf', result: 10n ** 30n }))
})

const anyone = new Uint8Array(20).fill(5)
const stake = encodeSystemCall('stake', { nodeIndex: 1 })
const lock = encodeSystemCall('lock', { nodeIndex: 1, untilEpoch: 9n })
const move = encodeTokenCall(1, 'transfer', { to: anyone, amount: 1n })
const none = new Uint8Array()
const tokenZero = concatBytes(tokenAddress(1).slice(0, 16), new Uint8Array(4))

test.each<[string, Parameters<typeof callOf>[0], object]>([
  ['value to anyone', { to: anyone, value: 1n, data: none }, { target: 'transfer' }],
  ['nothing to the system', { to: SYSTEM_ADDRESS, value: 0n, data: none }, { target: 'transfer' }],
  ['value to the system', { to: SYSTEM_ADDRESS, value: 1n, data: none }, { target: 'none', code: CODES.noContract }],
  ['value to a token', { to: tokenAddress(1), value: 1n, data: none }, { target: 'none', code: CODES.noContract }],
  ['value to the token that is none', { to: tokenZero, value: 1n, data: none }, { target: 'none', code: CODES.noContract }],
  ['value with what takes it', { ...stake, value: 1n }, { target: 'system', name: 'stake' }],
  ['value with what takes none', { ...lock, value: 1n }, { target: 'none', code: CODES.noContract }],
  ['value with a token’s function', { ...move, value: 1n }, { target: 'none', code: CODES.noContract }],
  ['data to anyone', { to: anyone, value: 0n, data: stake.data }, { target: 'none', code: CODES.noContract }],
  ['data to the token that is none', { to: tokenZero, value: 0n, data: move.data }, { target: 'none', code: CODES.noContract }],
  ['a selector of nothing', { to: SYSTEM_ADDRESS, value: 0n, data: new Uint8Array(36) }, { target: 'none', code: CODES.abi }],
  ['half a selector', { to: SYSTEM_ADDRESS, value: 0n, data: stake.data.slice(0, 3) }, { target: 'none', code: CODES.abi }],
  ['a system function at a token', { to: tokenAddress(2), value: 0n, data: stake.data }, { target: 'none', code: CODES.abi }],
  ['a token function', { ...move, value: 0n }, { target: 'token', token: 1, name: 'transfer', args: { to: anyone, amount: 1n } }],
])('%s is taken for what it is', (_, transaction, expected) => {
  expect(callOf(transaction)).toMatchObject(expected)
})

test('gas is the table’s', () => {
  const gasOf = ({ to, data }: { to: Uint8Array; data: Uint8Array }): number => callGas(callOf({ to, value: 0n, data }), data.length)
  expect(gasOf({ to: anyone, data: none })).toBe(21_000)
  expect(gasOf(lock)).toBe(21_000 + 1_000 * 2 + 10_000) // 68 bytes
  expect(gasOf(stake)).toBe(21_000 + 1_000 + 10_000) // 36 bytes
  expect(gasOf({ to: anyone, data: new Uint8Array(64) })).toBe(21_000 + 1_000 + 10_000)
  const mint = { token: 1, sourceId: new Uint8Array(32), to: anyone, prepaid: false, amount: 1n }
  const twice = encodeSystemCall('bridgeMint', { ...mint, signatures: new Uint8Array(130) })
  expect(gasOf(twice)).toBe(21_000 + 1_000 * Math.ceil(twice.data.length / 64) + 100_000)
  const service = { manifest: new Uint8Array(32), priceMultiplePpm: 1, payees: [] }
  const added = encodeSystemCall('addService', service)
  expect(gasOf(added) - 1_000 * Math.ceil(added.data.length / 64)).toBe(121_000)
  for (const value of Object.values(GAS).filter((gas) => gas >= 1_000)) expect(value % 1_000).toBe(0)
})

test('every function and its codes are in the tables, each code one of ours, and each is said once', () => {
  expect(
    codesOf([
      [51, 'Idle'],
      [40, 'staked'],
      [51, 'once'],
    ]),
  ).toEqual([40, 51])
  expect(systemNames).toHaveLength(24)
  for (const schema of [...Object.values(SYSTEM_FUNCTIONS), ...Object.values(TOKEN_FUNCTIONS)]) {
    expect(codesOf(schema.checks).every((code) => isCode(code) && code >= 32)).toBe(true)
  }
})
