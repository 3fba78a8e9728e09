/**
 * Makes `discovery.json`: discovery documents, each with its signature, and what becomes of it (docs/protocol/discovery.md). The discovery key
 * and the nodes' keys are from seeds of one repeated byte.
 *
 *   node --conditions=@selvedge/source vectors/generate.ts
 *
 * `file` is the text whose UTF-8 is signed; keys and signatures are hex. A case without `code` is accepted under `rules`.
 */
import { writeFileSync } from 'node:fs'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { encodeNoiseRecord, noiseRecordSigningBytes } from '@selvedge/ledger-types/noise-record'
import { toHex } from '../src/address.ts'
import { type DiscoveredNode, type DiscoveryDocument, discoverySigningBytes, encodeDiscovery } from '../src/discovery.ts'

const CHAIN_ID = 1337
const NOW_MS = 1_800_000_000_000
const KEYS = createKeyPair(new Uint8Array(32).fill(1))

function nodeOf(nodeIndex: number, addresses: readonly string[], score: number): DiscoveredNode {
  const keys = createKeyPair(new Uint8Array(32).fill(16 + nodeIndex))
  const record = { nodeKey: keys.publicKey, x25519: new Uint8Array(32).fill(nodeIndex), notAfterEpoch: 99 }
  const noiseRecord = encodeNoiseRecord({ ...record, signature: keys.sign(noiseRecordSigningBytes(CHAIN_ID, record)) })
  return { nodeIndex, nodeKey: keys.publicKey, noiseRecord, addresses, score }
}

/** All of the file, as it stands. */
export function generate(): string {
  const document: DiscoveryDocument = {
    name: 'vectors',
    chainId: CHAIN_ID,
    genesisHash: new Uint8Array(32).fill(2),
    committeeRoot: new Uint8Array(32).fill(3),
    epoch: 42,
    nodes: [nodeOf(0, ['tls://192.0.2.1:4433'], 100_000_000), nodeOf(5, ['tls://[2001:db8::5]:4433', 'wss://five.example/session'], 0)],
    rpc: 'https://rpc.example/',
    explorer: '',
    notAfterMs: NOW_MS + 86_400_000,
  }
  const file = new TextDecoder().decode(encodeDiscovery(document))
  const empty = new TextDecoder().decode(encodeDiscovery({ ...document, nodes: [] }))
  const rules = { chainId: CHAIN_ID, epochSeen: 42, nowMs: NOW_MS }
  const caseOf = (name: string, text: string, code?: string, fields: object = {}): object => {
    const signature = toHex(KEYS.sign(discoverySigningBytes(new TextEncoder().encode(text))))
    return { name, file: text, signature, rules, ...fields, ...(code === undefined ? {} : { code }) }
  }
  const cases = [
    caseOf('two nodes', file),
    caseOf('no node', empty),
    caseOf('a line feed at the end', `${file}\n`, 'CLIENT_BAD_DISCOVERY'),
    caseOf('a space', file.replace(',', ', '), 'CLIENT_BAD_DISCOVERY'),
    caseOf('a field twice', file.replace('"epoch":42', '"epoch":41,"epoch":42'), 'CLIENT_BAD_DISCOVERY'),
    caseOf('an unknown field', file.replace('"rpc"', '"more":0,"rpc"'), 'CLIENT_BAD_DISCOVERY'),
    caseOf('a score beyond the best', file.replace('"score":100000000', '"score":100000001'), 'CLIENT_BAD_DISCOVERY'),
    caseOf("another's signature", file, 'CLIENT_BAD_SIGNATURE', {
      signature: toHex(createKeyPair(new Uint8Array(32)).sign(new Uint8Array(1))),
    }),
    caseOf('another chain', file, 'CLIENT_WRONG_NETWORK', { rules: { ...rules, chainId: 1 } }),
    caseOf('a newer one was seen', file, 'CLIENT_OLD_DISCOVERY', { rules: { ...rules, epochSeen: 43 } }),
    caseOf('past its date', file, 'CLIENT_OLD_DISCOVERY', { rules: { ...rules, nowMs: document.notAfterMs } }),
  ]
  return `${JSON.stringify({ key: toHex(KEYS.publicKey), cases }, undefined, 2)}\n`
}

if (import.meta.main) writeFileSync(new URL('discovery.json', import.meta.url), generate())
