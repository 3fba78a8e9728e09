/** The core against the JSON-RPC 2.0 specification, and against whatever bytes come. */
import { type Caller, createJsonRpc, type Method, RpcError } from '@selvedge/rpc'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const open: Caller = { take: () => true }
const errors: unknown[] = []
const methods = new Map<string, Method>([
  ['echo', { cost: 1, run: (params) => params }],
  ['later', { cost: 1, run: async ([value]) => value }],
  ['nothing', { cost: 1, run: () => undefined }],
  ['long', { cost: 1, run: ([size]) => 'x'.repeat(Number(size)) }],
  [
    'refuse',
    {
      cost: 1,
      run: () => {
        throw new RpcError('RPC_REFUSED', 'nonce too low', { code: 5 })
      },
    },
  ], // prettier-ignore
  [
    'break',
    {
      cost: 1,
      run: () => {
        throw new TypeError('the database password is hunter2')
      },
    },
  ], // prettier-ignore
])
const rpc = createJsonRpc(methods, { responseBytesMax: 1_000, onError: (error, method) => errors.push([error, method]) })
const ask = async (body: unknown, caller = open): Promise<unknown> => {
  const text = await rpc.answer(typeof body === 'string' ? body : JSON.stringify(body), caller)
  return text === undefined ? undefined : JSON.parse(text)
}
const request = (method: string, params?: unknown, id: unknown = 1) => ({
  jsonrpc: '2.0',
  method,
  ...(params === undefined ? {} : { params }),
  id,
})

describe('one request', () => {
  test('is answered with its own id, whatever kind that is', async () => {
    for (const id of [0, 1, -1.5, 'a', '', null]) expect(await ask(request('echo', [1], id))).toEqual({ jsonrpc: '2.0', id, result: [1] })
    expect(await ask(request('later', ['z']))).toEqual({ jsonrpc: '2.0', id: 1, result: 'z' })
    expect(await ask(request('nothing'))).toEqual({ jsonrpc: '2.0', id: 1, result: null })
  })

  test('without an id is run and not answered', async () => {
    expect(await ask({ jsonrpc: '2.0', method: 'echo' })).toBeUndefined()
    expect(await ask({ jsonrpc: '2.0', method: 'no such method' })).toBeUndefined()
  })

  test.each([
    ['not JSON', '{"jsonrpc": "2.0", "method": "foobar, "params": "bar"', -32_700, null],
    ['nested too deep', `${'['.repeat(33)}${']'.repeat(33)}`, -32_700, null],
    ['a number', 1, -32_600, null],
    ['null', null, -32_600, null],
    ['another version', { ...request('echo'), jsonrpc: '1.0' }, -32_600, 1],
    ['no version', { method: 'echo', id: 1 }, -32_600, 1],
    ['a method that is no text', { ...request('echo'), method: 1 }, -32_600, 1],
    ['params that are text', request('echo', 'bar'), -32_600, 1],
    ['params by name', request('echo', { a: 1 }), -32_602, 1],
    ['an id that is an object', request('echo', [], {}), -32_600, null],
    ['an id of a kilobyte', request('echo', [], 'x'.repeat(1_000)), -32_600, null],
    ['an unknown method', request('eth_mining'), -32_601, 1],
    ['a name that every object has', request('constructor'), -32_601, 1],
    ['an answer that is too long', request('long', [2_000]), -32_003, 1],
  ])('%s is refused with its code', async (_, body, code, id) => {
    expect(await ask(body)).toMatchObject({ jsonrpc: '2.0', id, error: { code } })
  })

  test('that a method refuses carries its words and data; what breaks inside stays inside', async () => {
    expect(await ask(request('refuse'))).toEqual({
      jsonrpc: '2.0',
      id: 1,
      error: { code: -32_000, message: 'nonce too low', data: { code: 5 } },
    })
    errors.length = 0
    expect(await ask(request('break'))).toEqual({ jsonrpc: '2.0', id: 1, error: { code: -32_603, message: 'internal error' } })
    expect(errors).toEqual([[new TypeError('the database password is hunter2'), 'break']])
  })

  test('is refused when its caller has no allowance left, also when it is none', async () => {
    const spent: Caller = { take: () => false }
    for (const body of [request('echo'), request('unknown'), {}, '{', [request('echo')]])
      expect([await ask(body, spent)].flat()).toMatchObject([{ error: { code: -32_005 } }])
  })
})

describe('a batch', () => {
  test('is answered in its order, without notifications, each fault by itself', async () => {
    const batch = [request('echo', [1], 1), { jsonrpc: '2.0', method: 'echo' }, 7, request('none', [], 2), request('later', [3], 3)]
    expect(await ask(batch)).toMatchObject([
      { id: 1, result: [1] },
      { id: null, error: { code: -32_600 } },
      { id: 2, error: { code: -32_601 } },
      { id: 3, result: 3 },
    ])
  })

  test('of notifications is not answered at all', async () => {
    expect(
      await ask([
        { jsonrpc: '2.0', method: 'echo' },
        { jsonrpc: '2.0', method: 'none' },
      ]),
    ).toBeUndefined()
  })

  test('that is empty, or longer than its limit, is one error and runs nothing', async () => {
    let runs = 0
    const counting = createJsonRpc(new Map([['count', { cost: 1, run: () => ++runs }]]), { batchMax: 3 })
    const answer = async (size: number) =>
      JSON.parse((await counting.answer(JSON.stringify(Array.from({ length: size }, () => request('count'))), open)) ?? '')
    expect(await answer(0)).toMatchObject({ id: null, error: { code: -32_600 } })
    expect(await answer(4)).toMatchObject({ id: null, error: { code: -32_600 } })
    expect(runs).toBe(0)
    expect(await answer(3)).toHaveLength(3)
  })

  test('has one limit for all its answers together', async () => {
    const answers = (await ask([1, 2, 3, 4].map((id) => request('long', [400], id)))) as { error?: { code: number } }[]
    expect(answers.map(({ error }) => error?.code)).toEqual([undefined, undefined, -32_003, -32_003])
  })
})

const FIRST = Number(process.env.SEED ?? 1)
const RUNS = Number(process.env.RUNS ?? 500)

test(`whatever JSON comes, each request with an id has exactly one answer, seed ${FIRST}`, async () => {
  const member = fc.oneof(fc.constantFrom('2.0', 'echo', 'refuse', 'break', 'later'), fc.jsonValue({ maxDepth: 3 }))
  const like = fc.record(
    { jsonrpc: fc.oneof(fc.constant('2.0'), member), method: member, params: member, id: member },
    { requiredKeys: [] },
  )
  const body = fc.oneof(fc.array(like, { maxLength: 6 }), like, fc.jsonValue())
  await fc.assert(
    fc.asyncProperty(body, async (value) => {
      const answer = await ask(value)
      if (!Array.isArray(value) || value.length === 0) return checkAnswer(answer)
      const due = value.filter((each) => !isNotification(each)).length
      expect(answer === undefined ? 0 : (answer as unknown[]).length).toBe(due)
      for (const each of (answer ?? []) as unknown[]) checkAnswer(each)
    }),
    { seed: FIRST, numRuns: RUNS },
  )
})

test(`whatever bytes come, there is an answer and never a throw, seed ${FIRST}`, async () => {
  const text = JSON.stringify([request('echo', [{ a: [1, 'é', null] }]), request('later', ['x'])])
  const mutated = fc.tuple(fc.nat(text.length), fc.nat(text.length), fc.uint8Array({ maxLength: 8 })).map(([from, to, bytes]) => {
    const whole = new TextEncoder().encode(text)
    return Uint8Array.of(...whole.slice(0, from), ...bytes, ...whole.slice(to))
  })
  await fc.assert(
    fc.asyncProperty(fc.oneof(mutated, fc.uint8Array({ maxLength: 200 })), async (bytes) => {
      const answer = await rpc.answer(bytes, open)
      for (const each of [answer === undefined ? [] : JSON.parse(answer)].flat()) checkAnswer(each)
    }),
    { seed: FIRST, numRuns: RUNS },
  )
})

test('a megabyte of brackets is refused before it is parsed, brackets in text are text', async () => {
  expect(await ask('['.repeat(2 ** 20))).toMatchObject({ error: { code: -32_700, message: 'nested deeper than 32' } })
  expect(await ask(request('echo', [`${'['.repeat(100)}\\"`]))).toMatchObject({ result: [`${'['.repeat(100)}\\"`] })
})

function isNotification(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const { jsonrpc, method, params, id } = value as Record<string, unknown>
  return (
    id === undefined &&
    jsonrpc === '2.0' &&
    typeof method === 'string' &&
    (params === undefined || (typeof params === 'object' && params !== null))
  )
}

function checkAnswer(answer: unknown): void {
  if (answer === undefined) return
  const { jsonrpc, result, error } = answer as { jsonrpc: string; result?: unknown; error?: { code: number; message: string } }
  expect(jsonrpc).toBe('2.0')
  expect((result === undefined) !== (error === undefined)).toBe(true)
  if (error !== undefined) expect([typeof error.code, typeof error.message]).toEqual(['number', 'string'])
}
