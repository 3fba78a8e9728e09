/** Every method with every kind of parameter: what a stranger asks never reaches a place that was not meant for it. */
import { type Caller, createRpcServer, type RpcServer } from '@selvedge/rpc'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readFileSync } from 'node:fs'
import { ReferenceLedger } from './reference-ledger.ts'
import { ACCOUNTS, alice, bob } from './support.ts'

const FIRST = Number(process.env.SEED ?? 1)
const RUNS = Number(process.env.RUNS ?? 2_000)
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const methods = [...new Set([...readme.matchAll(/`((?:eth|net|web3|selvedge)_\w+)`/g)].map(([, name = '']) => name))]

/** What errors a caller may see; -32603 is the one that says that something here is broken. */
const KNOWN = new Set([-32_000, -32_001, -32_003, -32_005, -32_601, -32_602, 3])

async function inhabited(): Promise<{ server: RpcServer; hash: string }> {
  const ledger = new ReferenceLedger({ accounts: ACCOUNTS, isAutomatic: false })
  const node = { peerCount: () => 0, readiness: () => ({ ready: true }) as const }
  const server = createRpcServer({ ledger, submitter: ledger, node }, { onError: (error) => broken.push(error) })
  const bytes = await alice.signTransaction({
    chainId: 1_337,
    to: bob.address,
    gas: 21_000n,
    gasPrice: 10n ** 12n,
    nonce: 0,
    type: 'legacy',
  })
  const sent = await server.answer(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_sendRawTransaction', params: [bytes] }))
  for (let i = 0; i < 3; i++) ledger.produce([{ kind: 'score', epoch: 0, nodeIndex: 1, score: 1 }])
  return { server, hash: JSON.parse(sent ?? '').result }
}

const broken: unknown[] = []

test(`each of ${methods.length} methods answers any parameters with a result or a documented code, seed ${FIRST}`, async () => {
  const { server, hash } = await inhabited()
  const caller: Caller = { take: () => true, subscriptions: { add: () => '0x1', remove: () => false } }
  const hex = fc.uint8Array({ maxLength: 40 }).map((bytes) => `0x${Buffer.from(bytes).toString('hex')}`)
  const plausible = fc.constantFrom<unknown>(
    hash,
    alice.address,
    'latest',
    'pending',
    'earliest',
    'epochEnd',
    '0x0',
    '0x1',
    '0x3',
    '0x99',
    true,
    0,
    1,
    5,
    null,
    'newHeads',
    'logs',
  )
  const name = fc.constantFrom(
    'from',
    'to',
    'value',
    'data',
    'input',
    'gas',
    'topics',
    'address',
    'fromBlock',
    'toBlock',
    'blockHash',
    'blockNumber',
  )
  const value = fc.oneof(plausible, hex, fc.array(fc.oneof(plausible, hex), { maxLength: 3 }), fc.jsonValue({ maxDepth: 2 }))
  const params = fc.array(fc.oneof(value, fc.dictionary(name, value, { maxKeys: 5 })), { maxLength: 4 })
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...methods), params, async (method, list) => {
      const { result, error } = JSON.parse(
        (await server.answer(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: list }), caller)) ?? '',
      )
      if (error === undefined) seen.add(method)
      else expect(KNOWN, `${method} ${JSON.stringify(list)}: ${error.message}`).toContain(error.code)
      expect(result === undefined).toBe(error !== undefined)
    }),
    { seed: FIRST, numRuns: RUNS },
  )
  expect(broken).toEqual([])
  expect(seen.size).toBeGreaterThan(methods.length / 2) // the parameters are not all nonsense
})
