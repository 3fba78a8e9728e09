/** The ledger's own methods, and the pages: what a light client, an explorer or an operator reads. */
import {
  checkpointOfCertificate,
  decodeReceipt,
  decodeTreeProof,
  isLeafProven,
  leafHash,
  type LedgerEvent,
  transactionId,
} from '@selvedge/ledger-types'
import { bytesToHex, hexToBytes } from 'viem'
import { describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { alice, ask, bob, clientsOf, executed, serve, type Stage, whenDone } from './support.ts'

type Hex = `0x${string}`
const resultOf = async ({ server }: Stage, method: string, params: unknown[] = []): Promise<unknown> =>
  (await ask(server.url, method, params)).result
const faultOf = async ({ server }: Stage, method: string, params: unknown[]): Promise<unknown> => {
  const { error } = await ask(server.url, method, params)
  return error === undefined ? undefined : [error.code, error.message]
}
const emission = (epoch: number): LedgerEvent => ({ kind: 'emission', epoch, total: 2n ** 63n, nodes: 1n, services: 2n, protocol: 3n })
const score = (nodeIndex: number): LedgerEvent => ({ kind: 'score', epoch: 1, nodeIndex, score: 900_000 })

test('a node says who it is and how far it is, by method and by page', async () => {
  const stage = await serve()
  stage.ledger.produce([score(1)])
  const info = await resultOf(stage, 'selvedge_nodeInfo')
  const head = stage.ledger.head()
  expect(info).toMatchObject({
    version: 'selvedge/test',
    chainId: 1_337,
    genesisHash: bytesToHex(stage.ledger.genesisHash),
    epoch: 0,
    head: { height: 1, digest: bytesToHex(head.digest), timestampMs: head.timestampMs },
    oldestHeight: 0,
    oldestSeq: 0,
    nextSeq: 1,
    peers: 3,
    ready: true,
    pool: 0,
  })
  const { pool, ...rest } = info as { pool: number }
  expect(pool).toBe(0)
  expect(await (await fetch(`${stage.server.url}/status`)).json()).toEqual(rest)
  expect(await resultOf(stage, 'selvedge_membership')).toMatchObject({
    nodes: [{ index: 0, stake: '1000000000', nodeKey: `0x${'02'.repeat(32)}` }],
  })
})

test('certificates are served by height and newest, with their checkpoint read out', async () => {
  const stage = await serve()
  expect(await resultOf(stage, 'selvedge_certificate')).toBeNull()
  expect((await fetch(`${stage.server.url}/checkpoint/latest`)).status).toBe(404)
  for (let i = 0; i < 3; i++) stage.ledger.produce()
  const newest = (await resultOf(stage, 'selvedge_certificate')) as { height: number; certificate: Hex; checkpoint: unknown }
  const { height, blockDigest } = checkpointOfCertificate(hexToBytes(newest.certificate))
  expect([newest.height, height]).toEqual([2, 2]) // the head's comes later
  expect(newest.checkpoint).toMatchObject({ height: 2, isFinal: false, blockDigest: bytesToHex(blockDigest) })
  expect(await resultOf(stage, 'selvedge_certificate', ['latest'])).toEqual(newest)
  expect(await resultOf(stage, 'selvedge_certificate', [2])).toEqual(newest)
  expect(await resultOf(stage, 'selvedge_certificate', [3])).toBeNull()
  expect(await (await fetch(`${stage.server.url}/checkpoint/latest`)).json()).toEqual(newest)
  expect(await (await fetch(`${stage.server.url}/checkpoint/1`)).json()).toMatchObject({ height: 1 })
  for (const name of ['x', '-1', '01', '1e3', '9999999999999999'])
    expect((await fetch(`${stage.server.url}/checkpoint/${name}`)).status).toBe(400)
})

test('a transaction, its receipt in full, and a proof of that receipt against the block', async () => {
  const stage = await serve()
  const { wallet } = clientsOf(stage)
  const hash = await wallet.sendTransaction({ to: bob.address, value: 10n ** 18n })
  await executed(clientsOf(stage), hash)
  const transaction = (await resultOf(stage, 'selvedge_getTransaction', [hash])) as { bytes: Hex }
  expect(transaction).toMatchObject({ height: 1, index: 0, form: 'eip1559', nonce: '0', value: (10n ** 18n).toString() })
  expect(bytesToHex(transactionId(hexToBytes(transaction.bytes)))).toBe(hash)
  const transfer = {
    seq: 0,
    kind: 'transfer',
    token: 0,
    from: alice.address.toLowerCase(),
    to: bob.address.toLowerCase(),
    amount: '1000000',
  }
  expect(await resultOf(stage, 'selvedge_getReceipt', [hash])).toMatchObject({
    height: 1,
    code: 0,
    words: 'ok',
    fee: '2100',
    events: [transfer],
  })
  const proof = (await resultOf(stage, 'selvedge_receiptProof', [hash])) as Record<'receiptsRoot' | 'receipt' | 'proof', Hex>
  const receipt = hexToBytes(proof.receipt)
  expect(bytesToHex(decodeReceipt(receipt).id)).toBe(hash)
  expect(proof.receiptsRoot).toBe(bytesToHex(stage.ledger.head().receiptsRoot))
  expect(isLeafProven(hexToBytes(proof.receiptsRoot), leafHash(receipt), decodeTreeProof(hexToBytes(proof.proof)))).toBe(true)
  for (const method of ['getTransaction', 'getReceipt', 'receiptProof'])
    expect(await resultOf(stage, `selvedge_${method}`, [`0x${'00'.repeat(32)}`])).toBeNull()
})

test('proofs of epochs come in their order, as many as are wanted, sixteen at most, and none of what is not over', async () => {
  const stage = await serve()
  const proofs = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => bytesToHex(Uint8Array.of(from + i, 7)))
  expect(await resultOf(stage, 'selvedge_epochProofs', [0])).toEqual(proofs(0, 16))
  expect(await resultOf(stage, 'selvedge_epochProofs', [16])).toEqual(proofs(16, 20))
  expect(await resultOf(stage, 'selvedge_epochProofs', [3, 2])).toEqual(proofs(3, 5))
  expect(await resultOf(stage, 'selvedge_epochProofs', [20])).toEqual([])
  for (const params of [[], [0, 17], [2 ** 32], [-1], ['0']])
    expect(await faultOf(stage, 'selvedge_epochProofs', params)).toEqual([-32_602, expect.any(String)])
})

test('a proof comes with the value, its absence, and the root that it leads to', async () => {
  const stage = await serve()
  const { wallet } = clientsOf(stage)
  await executed(clientsOf(stage), await wallet.sendTransaction({ to: bob.address, value: 10n ** 12n }))
  const key = hexToBytes(alice.address)
  expect(await resultOf(stage, 'selvedge_proof', [2, alice.address])).toEqual({
    height: 1,
    stateRoot: bytesToHex(stage.ledger.head().stateRoot),
    value: '0x01',
    proof: bytesToHex(leafHash(Uint8Array.of(2, ...key))),
  })
  expect(await resultOf(stage, 'selvedge_proof', [2, alice.address, 0])).toMatchObject({ height: 0, value: null })
})

test('a proof of an older state costs ten times as much, and no key is longer than those of the state', async () => {
  const stage = await serve({ requestsPerSecondMax: 1, burstMax: 60, nowMs: () => 0 })
  stage.ledger.produce()
  expect(await resultOf(stage, 'selvedge_proof', [2, alice.address, 0])).toMatchObject({ height: 0 })
  expect(await faultOf(stage, 'selvedge_proof', [2, alice.address, 0])).toEqual([-32_005, expect.stringContaining('too many requests')])
  expect(await resultOf(stage, 'selvedge_proof', [2, alice.address])).toMatchObject({ height: 1 })
  const other = await serve()
  expect(await faultOf(other, 'selvedge_proof', [2, `0x${'00'.repeat(257)}`])).toEqual([-32_602, 'parameter 1 must be at most 256 bytes'])
  expect(await faultOf(other, 'selvedge_proof', [2, alice.address, 9])).toEqual([-32_000, 'header not found'])
})

test('the end of an epoch is a block by name: its state is kept where others are not, and a refusal says which are', async () => {
  const stage = await serve()
  const { ledger } = stage
  expect(await resultOf(stage, 'eth_getBlockByNumber', ['epochEnd', false])).toMatchObject({ number: '0x0' }) // the first epoch follows on nothing
  for (let i = 0; i < 6; i++) ledger.produce()
  ledger.ends = [2, 4]
  expect(await resultOf(stage, 'eth_getBlockByNumber', ['epochEnd', false])).toMatchObject({ number: '0x4' })
  expect(await resultOf(stage, 'selvedge_certificate', ['epochEnd'])).toMatchObject({ height: 4, checkpoint: { height: 4 } })
  ledger.oldest = 6
  for (const [name, height] of [
    [2, 2],
    ['epochEnd', 4],
    ['latest', 6],
  ] as const) {
    expect(await resultOf(stage, 'selvedge_proof', [2, alice.address, name])).toMatchObject({ height })
    const block = typeof name === 'number' ? `0x${name}` : name
    expect(await resultOf(stage, 'eth_getBalance', [alice.address, block])).toBe(`0x${(10n ** 19n).toString(16)}`)
  }
  expect(await resultOf(stage, 'selvedge_nodeInfo')).toMatchObject({ states: { from: 6, epochEnds: [2, 4] } })
  const kept = 'but of 2 (end of an epoch), 4 (end of an epoch), 6 (the newest)'
  const fault = [-32_001, `not an archive node: no state of block 3 is kept, ${kept}`]
  expect(await faultOf(stage, 'eth_getBalance', [alice.address, '0x3'])).toEqual(fault)
  expect(await faultOf(stage, 'selvedge_proof', [2, alice.address, 3])).toEqual(fault)
  for (const name of ['epochend', 'pending', '0x2', {}]) {
    expect(await faultOf(stage, 'selvedge_proof', [2, alice.address, name])).toEqual([-32_602, expect.any(String)])
  }
  expect(await faultOf(stage, 'eth_getProof', [alice.address, [], 'epochEnd'])).toEqual([-32_601, expect.any(String)])
})

describe('events by polling', () => {
  test('come from a cursor, filtered, with the cursor to go on from', async () => {
    const stage = await serve()
    stage.ledger.produce([score(0), emission(1), score(1), score(2)])
    const page = await resultOf(stage, 'selvedge_events', [['score'], 0, 3])
    expect(page).toEqual({
      events: [
        { seq: 0, height: 1, kind: 'score', epoch: 1, nodeIndex: 0, score: 900_000 },
        { seq: 2, height: 1, kind: 'score', epoch: 1, nodeIndex: 1, score: 900_000 },
      ],
      nextSeq: 3,
    })
    expect(await resultOf(stage, 'selvedge_events', [[7, 'score'], 3])).toMatchObject({ events: [{ seq: 3 }], nextSeq: 4 })
    expect(await resultOf(stage, 'selvedge_events', [null, 1, 1])).toMatchObject({
      events: [{ seq: 1, kind: 'emission', total: '9223372036854775808' }],
      nextSeq: 2,
    })
    expect(await resultOf(stage, 'selvedge_events', [])).toEqual({ events: [], nextSeq: 4 })
  })

  test('older than what is kept is an error that names the oldest, never a gap', async () => {
    const stage = await serve()
    stage.ledger.produce([score(0)])
    stage.ledger.produce([score(1)])
    stage.ledger.oldest = 2
    expect((await ask(stage.server.url, 'selvedge_events', [null, 0])).error).toEqual({
      code: -32_001,
      message: 'not an archive node',
      data: { oldestSeq: 1 },
    })
    expect((await ask(stage.server.url, 'selvedge_events', [null, 3])).error).toMatchObject({ code: -32_602 })
    for (const kinds of ['score', ['scores'], [0], [14], [{}], Array.from({ length: 14 }, () => 1)])
      expect((await ask(stage.server.url, 'selvedge_events', [kinds, 1])).error).toMatchObject({ code: -32_602 })
  })
})

describe('events by subscription', () => {
  interface Heard {
    readonly result?: { readonly seq: number }
    readonly error?: unknown
  }
  /** Subscribes by a socket of its own; `next` waits for a notification. */
  async function subscribe({ server }: Stage, params: unknown[]) {
    const socket = new WebSocket(server.webSocketUrl)
    whenDone(async () => socket.terminate())
    const heard: Heard[] = []
    let wake = (): void => undefined
    const answer = Promise.withResolvers<{ result?: string; error?: unknown }>()
    socket.on('message', (data) => {
      const message = JSON.parse((data as Buffer).toString())
      if (message.id === 1) answer.resolve(message)
      else heard.push(message.params)
      wake()
    })
    await new Promise((resolve) => socket.once('open', resolve))
    socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'selvedge_subscribe', params }))
    const reply = await answer.promise
    const next = async (): Promise<Heard> => {
      while (heard.length === 0) await new Promise<void>((resolve) => (wake = resolve))
      return heard.shift() as Heard
    }
    return { socket, next, reply }
  }

  test('replay from the cursor, then follow: every seq once, in order, whatever is executed meanwhile', async () => {
    const stage = await serve()
    const { ledger } = stage
    for (let i = 0; i < 30; i++) ledger.produce(Array.from({ length: 100 }, (_, n) => (n % 3 === 0 ? score(n) : emission(n))))
    const { next } = await subscribe(stage, [['score'], 300])
    const seqs: number[] = []
    while (seqs.length < 2_000) {
      if (seqs.length % 100 === 0) ledger.produce(Array.from({ length: 150 }, (_, n) => score(n)))
      seqs.push((await next()).result?.seq ?? -1)
    }
    const kinds = ledger.events(0, ledger.nextSeq()).events.map(({ event }) => event.kind)
    const wanted = [...kinds.keys()].filter((seq) => seq >= 300 && kinds[seq] === 'score')
    expect(seqs).toEqual(wanted.slice(0, 2_000))
  })

  test('begin with the next event when no cursor is given', async () => {
    const stage = await serve()
    stage.ledger.produce([score(0)])
    const { next } = await subscribe(stage, [])
    stage.ledger.produce([emission(1)])
    expect(await next()).toMatchObject({ result: { seq: 1, kind: 'emission' } })
  })

  test('are refused when the cursor is too old; whoever has read what is dropped goes on', async () => {
    const stage = await serve()
    stage.ledger.produce([score(0)])
    stage.ledger.produce([score(1)])
    const { next, reply } = await subscribe(stage, [['emission'], 0])
    expect(reply.result).toEqual('0x1')
    stage.ledger.oldest = 2
    expect((await subscribe(stage, [null, 0])).reply.error).toMatchObject({ code: -32_001, data: { oldestSeq: 1 } })
    expect(stage.server.load.subscriptions).toBe(1) // it has looked at both already
    stage.ledger.produce([emission(1)])
    expect(await next()).toMatchObject({ result: { seq: 2 } })
  })
})

test('the node is healthy while it executes, and says why when not', async () => {
  const stage = await serve()
  const health = await fetch(`${stage.server.url}/health`)
  expect([health.status, await health.json()]).toEqual([200, { ready: true, height: 0, epoch: 0, version: 'selvedge/test' }])
  const missing = await fetch(`${stage.server.url}/metrics`)
  expect([missing.status, await missing.json()]).toEqual([404, { error: 'no such page' }])
})

test('a node says whether it has a seat, which rules it knows and how far behind it is, and 503 with the reason', async () => {
  const standing = { seat: 2, certifiedHeight: 3, behindMs: 90_500, rules: { inForce: 1, newest: 2 } }
  const readiness = { ready: false, reason: 'no block was certified for 61 s' } as const
  const stage = await serve({}, { node: { standing: () => standing, readiness: () => readiness } })
  for (let i = 0; i < 3; i++) stage.ledger.produce()
  const [before, head] = [stage.ledger.header(0)!, stage.ledger.head()]
  const blocks = Math.floor(90_500 / ((head.timestampMs - before.timestampMs) / 3))
  const said = { ...readiness, seat: 2, certifiedHeight: 3, behind: { blocks, seconds: 90 }, rules: standing.rules }
  const health = await fetch(`${stage.server.url}/health`)
  expect([health.status, await health.json()]).toEqual([503, { ...said, height: 3, epoch: head.epoch, version: 'selvedge/test' }])
  const status = await fetch(`${stage.server.url}/status`)
  expect([status.status, await status.json()]).toEqual([200, expect.objectContaining(said)])
})

test('a follower has no seat, and one that is level is behind by nothing', async () => {
  const standing = { seat: undefined, certifiedHeight: 0, behindMs: 0, rules: { inForce: 1, newest: 1 } }
  const stage = await serve({}, { node: { standing: () => standing } })
  const first = await fetch(`${stage.server.url}/health`)
  expect(await first.json()).toMatchObject({ ready: true, seat: null, behind: { blocks: null, seconds: 0 } }) // one block has no pace
  stage.ledger.produce()
  const second = await fetch(`${stage.server.url}/health`)
  expect(await second.json()).toMatchObject({ seat: null, behind: { blocks: 0, seconds: 0 } })
})
