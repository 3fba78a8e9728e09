import { createServer, type RequestListener, type Server } from 'node:http'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createKeyPair } from '@selvedge/crypto'
import { encodeNoiseRecord } from '@selvedge/ledger-types'
import { expect, onTestFinished, test } from 'vitest'
import { createClient } from '../src/index.ts'
import {
  decodeDiscovery,
  discover,
  discoveryAt,
  type DiscoveredNode,
  type DiscoveryDocument,
  discoverySigningBytes,
  encodeDiscovery,
  verifyDiscovery,
} from '../src/discovery.ts'
import { scoredNodeOf } from '../src/discovery/discover.ts'
import { discoveryInFile } from '../src/node.ts'
import { MemoryContent, sampleBytes, serving, startNode, type TestNode } from './node.ts'

const KEYS = createKeyPair(new Uint8Array(32).fill(3))
const TODAY = 1_800_000_000_000

function nodeOf(nodeIndex: number, fields: Partial<DiscoveredNode> = {}): DiscoveredNode {
  const nodeKey = new Uint8Array(32).fill(nodeIndex + 10)
  return { nodeIndex, nodeKey, noiseRecord: new Uint8Array(136).fill(7), addresses: ['tls://127.0.0.1:4433'], score: 50_000_000, ...fields }
}

function documentOf(fields: Partial<DiscoveryDocument> = {}): DiscoveryDocument {
  const [genesisHash, committeeRoot] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
  const nodes = [nodeOf(0), nodeOf(3, { addresses: ['tls://[::1]:4433', 'wss://three.example/session'] })]
  const rest = { nodes, rpc: 'https://rpc.example/', explorer: '', notAfterMs: TODAY + 1 }
  return { name: 'a network', chainId: 1337, genesisHash, committeeRoot, epoch: 12, ...rest, ...fields }
}

const signed = (bytes: Uint8Array): Uint8Array => KEYS.sign(discoverySigningBytes(bytes))
const RULES = { key: KEYS.publicKey, nowMs: TODAY }

test('a document has one encoding, and comes back as it was', () => {
  const document = documentOf()
  const bytes = encodeDiscovery(document)
  expect(decodeDiscovery(bytes)).toEqual(document)
  expect(verifyDiscovery(bytes, signed(bytes), RULES)).toEqual(document)
  expect(new TextDecoder().decode(bytes)).toMatch(/^\{"name":"a network","chainId":1337,"genesisHash":"0101/)
})

test('no bit of file or signature can be turned, and none be cut off', () => {
  const bytes = encodeDiscovery(documentOf({ nodes: [nodeOf(0)] }))
  const signature = signed(bytes)
  const codeOf = (file: Uint8Array, sign: Uint8Array): unknown => {
    try {
      return verifyDiscovery(file, sign, RULES)
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  for (let bit = 0; bit < 8 * signature.length; bit += 5) {
    const turned = signature.slice()
    turned[bit >> 3]! ^= 1 << (bit & 7)
    expect(codeOf(bytes, turned)).toBe('CLIENT_BAD_SIGNATURE')
  }
  for (let i = 0; i < bytes.length; i += 7) {
    const turned = bytes.slice()
    turned[i]! ^= 1 << (i % 8)
    expect(codeOf(turned, signature)).toBe('CLIENT_BAD_SIGNATURE')
    expect(codeOf(bytes.subarray(0, i), signature)).toBe('CLIENT_BAD_SIGNATURE')
  }
  expect(codeOf(bytes, signature.subarray(1))).toBe('CLIENT_BAD_SIGNATURE')
  expect(codeOf(bytes, createKeyPair().sign(discoverySigningBytes(bytes)))).toBe('CLIENT_BAD_SIGNATURE')
  expect(codeOf(new Uint8Array(2 ** 21 + 1), signature)).toBe('CLIENT_BAD_DISCOVERY')
})

test.each<[string, (text: string) => string]>([
  ['with a space', (text) => text.replace('{', '{ ')],
  ['with a byte order mark', (text) => `\uFEFF${text}`],
  ['with a field more', (text) => text.replace('"rpc"', '"more":1,"rpc"')],
  ['with a field twice', (text) => text.replace('"epoch":12', '"epoch":11,"epoch":12')],
  ['with a field less', (text) => text.replace('"explorer":"",', '')],
  [
    'with fields in another order',
    (text) => text.replace('"rpc":"https://rpc.example/","explorer":""', '"explorer":"","rpc":"https://rpc.example/"'),
  ],
  ['with capital hex', (text) => text.replace('0a0a', '0A0A')],
  ['with a number in another form', (text) => text.replace('"epoch":12', '"epoch":12.0')],
  ['with an escape that need not be', (text) => text.replace('a network', '\\u0061 network')],
  ['that is a list', () => '[]'],
  ['that is null', () => 'null'],
  ['that is empty', () => ''],
  ['whose nodes are none', (text) => text.replace(/"nodes":\[.*\],"rpc"/, '"nodes":5,"rpc"')],
  ['whose nodes are null', (text) => text.replace(/"nodes":\[.*\],"rpc"/, '"nodes":[null],"rpc"')],
])('a document %s is refused, though it is signed', (_, change) => {
  const text = new TextDecoder().decode(encodeDiscovery(documentOf()))
  expect(change(text)).not.toBe(text)
  const bytes = new TextEncoder().encode(change(text))
  expect(() => verifyDiscovery(bytes, signed(bytes), RULES)).toThrow(expect.objectContaining({ code: 'CLIENT_BAD_DISCOVERY' }))
})

test.each<[string, Partial<DiscoveryDocument>]>([
  ['no name', { name: '' }],
  ['a name that is too long', { name: 'n'.repeat(65) }],
  ['no chain', { chainId: 0 }],
  ['a chain beyond a u32', { chainId: 2 ** 32 }],
  ['a short hash', { genesisHash: new Uint8Array(31) }],
  ['an epoch beyond a u32', { epoch: 2 ** 32 }],
  ['half an epoch', { epoch: 0.5 }],
  ['a date that is none', { notAfterMs: Number.NaN }],
  ['a URL that is none', { rpc: 'rpc' }],
  ['a URL that is a script', { explorer: 'javascript:alert(1)' }],
  ['a URL with a password', { rpc: 'https://a:b@rpc.example/' }],
  ['nodes out of order', { nodes: [nodeOf(3), nodeOf(0)] }],
  ['an index twice', { nodes: [nodeOf(0), nodeOf(0, { nodeKey: new Uint8Array(32) })] }],
  ['a key twice', { nodes: [nodeOf(0), nodeOf(1, { nodeKey: nodeOf(0).nodeKey })] }],
  ['a short key', { nodes: [nodeOf(0, { nodeKey: new Uint8Array(31) })] }],
  ['a short record', { nodes: [nodeOf(0, { noiseRecord: new Uint8Array(0) })] }],
  ['a node without an address', { nodes: [nodeOf(0, { addresses: [] })] }],
  ['a node with five addresses', { nodes: [nodeOf(0, { addresses: Array.from({ length: 5 }, (_, i) => `tls://a.example:${i + 1}`) })] }],
  ['an address without a port', { nodes: [nodeOf(0, { addresses: ['tls://a.example'] })] }],
  ['an address of something else', { nodes: [nodeOf(0, { addresses: ['file:///etc/passwd'] })] }],
  ['an address that is too long', { nodes: [nodeOf(0, { addresses: [`tls://${'a'.repeat(250)}.example:1`] })] }],
  ['a score beyond the best', { nodes: [nodeOf(0, { score: 100_000_001 })] }],
  ['too many nodes', { nodes: Array.from({ length: 2_049 }, (_, i) => nodeOf(i)) }],
])('a document with %s is not written', (_, fields) => {
  expect(() => encodeDiscovery(documentOf(fields))).toThrow(expect.objectContaining({ code: 'CLIENT_BAD_DISCOVERY' }))
})

test('an older document, one past its date and one of another network are refused', () => {
  const bytes = encodeDiscovery(documentOf())
  const check = (rules: object): DiscoveryDocument => verifyDiscovery(bytes, signed(bytes), { ...RULES, ...rules })
  expect(check({ epochSeen: 12, chainId: 1337 }).epoch).toBe(12)
  expect(() => check({ epochSeen: 13 })).toThrow(expect.objectContaining({ code: 'CLIENT_OLD_DISCOVERY' }))
  expect(() => check({ nowMs: TODAY + 1 })).toThrow(expect.objectContaining({ code: 'CLIENT_OLD_DISCOVERY' }))
  expect(() => check({ chainId: 1 })).toThrow(expect.objectContaining({ code: 'CLIENT_WRONG_NETWORK' }))
})

async function serve(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/network.json`
}

function documentFor(nodes: readonly TestNode[]): Uint8Array {
  const listed = nodes.map(({ host, port, nodeKey }, i) => nodeOf(i, { nodeKey, addresses: [`tls://${host}:${port}`] }))
  return encodeDiscovery(documentOf({ nodes: listed, notAfterMs: Date.now() + 3_600_000 }))
}

test('a client that knows no node starts from the document at a URL or in a file, and fetches', async () => {
  const content = new MemoryContent()
  const data = sampleBytes(100_000)
  const root = await content.addRoot(data)
  const nodes = [await startNode(serving(content)), await startNode(serving(content))]
  const dead = await startNode(serving(content))
  await dead.stop()
  const bytes = documentFor([dead, ...nodes])
  const asked: string[] = []
  const url = await serve((request, response) => {
    asked.push(request.url!)
    response.end(request.url === '/network.json.sig?a=b' ? signed(bytes) : bytes)
  })
  const folder = await mkdtemp(join(tmpdir(), 'selvedge-client-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const path = join(folder, 'network.json')
  await writeFile(path, bytes)
  await writeFile(`${path}.sig`, signed(bytes))
  for (const source of [`${url}?a=b`, discoveryInFile(path)]) {
    const found = await discover({ source, key: KEYS.publicKey, chainId: 1337, epochSeen: 12 })
    expect(found.document.epoch).toBe(12)
    expect(found.nodes.map(({ nodeIndex }) => nodeIndex).toSorted((a, b) => a - b)).toEqual([0, 1, 2])
    expect(found.nodes.at(-1)).toMatchObject({ nodeIndex: 0, latencyMs: undefined }) // it could not be reached
    const client = createClient({ nodes: found.nodes, chainId: found.document.chainId })
    onTestFinished(() => client.close())
    const parts: Uint8Array[] = []
    for await (const part of await client.get(root)) parts.push(part.bytes.slice())
    expect(new Uint8Array(Buffer.concat(parts))).toEqual(data)
  }
  expect(asked).toEqual(['/network.json.sig?a=b', '/network.json?a=b'])
})

test.each<[string, RequestListener, string]>([
  ['is not there', (_, response) => response.writeHead(404).end(), 'CLIENT_UNREACHABLE'],
  [
    'breaks off',
    (_, response) => void response.writeHead(200, { 'content-length': 100 }).write('{', () => response.destroy()),
    'CLIENT_UNREACHABLE',
  ],
  ['has a signature that is too long', (_, response) => response.end(new Uint8Array(65)), 'CLIENT_BAD_DISCOVERY'],
  [
    'has no end',
    (request, response) => {
      if (request.url?.endsWith('.sig')) return void response.end(new Uint8Array(64))
      const more = (): void => void (response.destroyed || response.write(new Uint8Array(2 ** 16), more))
      more()
    },
    'CLIENT_BAD_DISCOVERY',
  ],
  [
    'is not signed',
    (request, response) => response.end(request.url?.endsWith('.sig') ? new Uint8Array(64) : documentFor([])),
    'CLIENT_BAD_SIGNATURE',
  ],
])('a document at a URL that %s is refused', async (_, listener, code) => {
  await expect(discover({ source: await serve(listener), key: KEYS.publicKey })).rejects.toMatchObject({ code })
})

test('a document without nodes, in no file, or by plain http from elsewhere is none to start from', async () => {
  const bytes = documentFor([])
  const source = async (): Promise<{ bytes: Uint8Array; signature: Uint8Array }> => ({ bytes, signature: signed(bytes) })
  await expect(discover({ source, key: KEYS.publicKey })).rejects.toMatchObject({ code: 'CLIENT_UNREACHABLE' })
  await expect(discover({ source, key: new Uint8Array(31) })).rejects.toMatchObject({ code: 'CLIENT_BAD_ARGUMENT' })
  await expect(discover({ source: discoveryInFile('/nowhere/network.json'), key: KEYS.publicKey })).rejects.toMatchObject({
    code: 'CLIENT_UNREACHABLE',
  })
  for (const url of ['http://network.example/network.json', 'ftp://network.example/network.json', 'network.json'])
    expect(() => discoveryAt(url)).toThrow(expect.objectContaining({ code: 'CLIENT_BAD_ARGUMENT' }))
})

test('an abort ends discovery with its own reason, while the document is waited for', async () => {
  const url = await serve(() => {})
  const controller = new AbortController()
  const reason = new Error('enough')
  const found = discover({ source: url, key: KEYS.publicKey, signal: controller.signal })
  setImmediate(() => controller.abort(reason))
  await expect(found).rejects.toBe(reason)
})

test('a node is reached over WebSocket only where its record is one, and good in the epoch of the document', () => {
  const addresses = ['tls://127.0.0.1:4433', 'wss://node.example/session']
  const recordUntil = (notAfterEpoch: number): Uint8Array =>
    encodeNoiseRecord({ nodeKey: new Uint8Array(32), x25519: new Uint8Array(32), notAfterEpoch, signature: new Uint8Array(64) })
  for (const [noiseRecord, isReached] of [
    [recordUntil(11), false],
    [recordUntil(12), true],
    [new Uint8Array(136).fill(7), false],
  ] as const) {
    const { websocket, host, port } = scoredNodeOf(nodeOf(0, { addresses, noiseRecord }), 12)
    expect({ websocket, host, port }).toEqual({
      websocket: isReached ? { url: addresses[1], noiseRecord } : undefined,
      host: '127.0.0.1',
      port: 4433,
    })
  }
})
