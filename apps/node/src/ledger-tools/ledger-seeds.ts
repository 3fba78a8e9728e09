/** The secrets of a ledger node, each a file of its own that only its owner may read. */
import { createPrivateKey, createPublicKey, hkdfSync } from 'node:crypto'
import { join } from 'node:path'
import { loadSeed, type SeedOptions } from '../compose/key-file.ts'
import { keyPathOf } from '../compose/node.ts'

export interface LedgerSeeds {
  /** Of the Ed25519 node key; `selvedge run` uses the same file. */
  readonly node: Uint8Array
  /** Of the BLS key. */
  readonly bls: Uint8Array
}

/** An X25519 secret of 32 bytes as PKCS #8 (RFC 8410) stands behind these. */
const X25519_PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex')

/** Reads `node.key` and `bls.key` of `folder`, or makes them. @throws {NodeError} `NODE_KEY_FILE` */
export async function loadLedgerSeeds(folder: string, options: SeedOptions = {}): Promise<LedgerSeeds> {
  return { node: await loadSeed(keyPathOf(folder), options), bls: await loadSeed(join(folder, 'bls.key'), options) }
}

/** The secret key of the node's sessions over Noise, 32 bytes, derived from the node's seed. */
export function x25519SecretOf({ node }: LedgerSeeds): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', node, '', 'selvedge x25519', 32))
}

/** The public key of the node's sessions, 32 bytes. */
export function x25519KeyOf(seeds: LedgerSeeds): Uint8Array {
  const secret = x25519SecretOf(seeds)
  const key = createPublicKey(createPrivateKey({ key: Buffer.concat([X25519_PKCS8, secret]), format: 'der', type: 'pkcs8' }))
  return new Uint8Array(Buffer.from((key.export({ format: 'jwk' }) as { readonly x: string }).x, 'base64url'))
}
