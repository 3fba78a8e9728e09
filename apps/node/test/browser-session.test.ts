// Goal: the client in a page of a real browser fetches, verifies and pays as the one in Node does.
// Method: one node with both doors and its books; the same content over TLS from here and over WebSocket from headless Chromium.
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient, type NodeAddress, type PayingAccount } from '@selvedge/client'
import { createContentServer } from '@selvedge/content'
import { createKeyPair } from '@selvedge/crypto'
import { x25519KeyOf } from '@selvedge/crypto/noise'
import { addressOf, secp256k1PublicKeyOf, signSecp256k1 } from '@selvedge/crypto/secp256k1'
import { delegationDigestOf, type EpochRules } from '@selvedge/delivery-acknowledgement'
import { createBooks, createFileAckStore } from '@selvedge/delivery-acknowledgement/node'
import { createSessionServer } from '@selvedge/handshake/tls'
import { createWebSocketDoor } from '@selvedge/handshake/websocket-server'
import { encodeNoiseRecord, noiseRecordSigningBytes } from '@selvedge/ledger-types'
import { createOutboard } from '@selvedge/verified-streaming'
import { expect, onTestFinished, test } from 'vitest'
import { installedRuntimes } from '../../../tools/environments/runtimes.ts'
import { serveLane } from '../src/compose/lane-service.ts'
import { fetchInBrowser } from '../src/demo/browser/fetch-in-browser.ts'

const CHAIN_ID = 1337
const EPOCH = 2n
const PRICES = { priceVersion: 1, bytePrice: 10n, cpuPrice: 0n }
const DATA: Uint8Array = Uint8Array.from({ length: 6_000_000 }, (_, i) => Math.imul(i, 2_654_435_761) >>> 24)

interface World {
  readonly node: NodeAddress
  readonly root: string
}

async function startWorld(): Promise<World> {
  const identity = createKeyPair()
  const nodeKey = identity.publicKey
  const { root, size, outboard } = await createOutboard(DATA)
  const openRoot = async (): ReturnType<NonNullable<Parameters<typeof createContentServer>[0]['source']['openRoot']>> => {
    return {
      root,
      size,
      data: { size, readAt: (offset, length) => DATA.subarray(offset, offset + length) },
      outboard,
      close: async () => {},
    }
  }
  const content = createContentServer({ source: { openRoot, openCid: async () => await Promise.reject(new Error('no CIDs here')) } })
  const folder = await mkdtemp(join(tmpdir(), 'selvedge-page-'))
  const store = await createFileAckStore(folder)
  const rules: EpochRules = {
    chainId: CHAIN_ID,
    epoch: EPOCH,
    nodeIndex: 0,
    nodeKey,
    prices: PRICES,
    multiplePpmOf: () => 1_000_000,
    clientOf: () => ({ clientIndex: 1, minNonce: 0n }),
  }
  const books = createBooks(
    {
      rules: (epoch) => (epoch === EPOCH ? rules : undefined),
      means: () => ({ clientIndex: 1, free: 10n ** 12n, epochCap: 10n ** 12n, minNonce: 0n, reserve: 0n, creditors: 0 }),
      store,
      nowMs: () => performance.now(),
      rand: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
    },
    { chainId: CHAIN_ID, nodeKey, nodeIndex: 0, epochMs: 3_600_000 },
  )
  books.changeEpoch({
    epoch: EPOCH,
    priceVersion: 1,
    price: { ...PRICES, fromEpoch: EPOCH, services: [{ serviceId: 0, multiplePpm: 1_000_000 }] },
  })
  const server = createSessionServer(
    { identity, payments: books, onLane: async (request) => await serveLane(content, request, () => {}) },
    { chainId: CHAIN_ID },
  )
  const x25519Secret = crypto.getRandomValues(new Uint8Array(32))
  const door = createWebSocketDoor({ server, x25519Secret, nodeKey, chainId: CHAIN_ID })
  onTestFinished(async () => {
    await door.stop()
    await server.stop()
    await store.stop()
    await rm(folder, { recursive: true })
  })
  const [tls, web] = [await server.start(), await door.start()]
  const unsigned = { nodeKey, x25519: x25519KeyOf(x25519Secret), notAfterEpoch: 100 }
  const noiseRecord = encodeNoiseRecord({ ...unsigned, signature: identity.sign(noiseRecordSigningBytes(CHAIN_ID, unsigned)) })
  return {
    node: { ...tls, nodeKey, websocket: { url: `ws://${web.host}:${web.port}`, noiseRecord } },
    root: Buffer.from(root).toString('hex'),
  }
}

function accountOf(): PayingAccount {
  const secret = new Uint8Array(32).fill(5)
  const sessionKey = createKeyPair()
  const account = addressOf(secp256k1PublicKeyOf(secret))
  const fields = { account, sessionKey: sessionKey.publicKey, spendCap: 10n ** 9n, notAfterEpoch: 9n, nonce: 1n, services: [] }
  const { signature, v } = signSecp256k1(delegationDigestOf(CHAIN_ID, fields), secret)
  return { sessionKey, delegation: { ...fields, signature: Uint8Array.of(...signature, v) } }
}

const SHA256 = createHash('sha256').update(DATA).digest('hex')

for (const { name, version } of installedRuntimes().filter((each) => each.name === 'chromium')) {
  test(`a page in ${name} ${version} gets the same bytes as a client here, verified, and pays the same for them`, {
    timeout: 240_000,
  }, async () => {
    const { node, root } = await startWorld()
    const client = createClient({ nodes: [node], chainId: CHAIN_ID, account: accountOf() })
    const hash = createHash('sha256')
    for await (const { bytes } of await client.get(root)) hash.update(bytes)
    await client.close()
    expect(hash.digest('hex')).toBe(SHA256)
    const report = await fetchInBrowser({ node, chainId: CHAIN_ID, address: root, account: accountOf() })
    const { bytes, microUsd } = client.cost()
    expect(report).toEqual({
      sha256: SHA256,
      bytes: DATA.length,
      receivedBytes: Number(bytes),
      mode: 'blake3',
      paidBytes: String(bytes),
      paidMicroUsd: String(microUsd),
    })
    expect(microUsd).toBe((bytes * 10n) / 1_000_000n)
    const guest = await fetchInBrowser({ node, chainId: CHAIN_ID, address: root })
    expect(guest).toMatchObject({ sha256: SHA256, paidBytes: '0', paidMicroUsd: '0' })
  })
}

test('a node whose address names no WebSocket is not tried from a page', async () => {
  const node = { host: '127.0.0.1', port: 1, nodeKey: new Uint8Array(32) }
  await expect(fetchInBrowser({ node, chainId: CHAIN_ID, address: '00'.repeat(32) })).rejects.toMatchObject({ code: 'NODE_USAGE' })
})
