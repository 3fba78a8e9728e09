/**
 * Evidence of the order that tests make by hand: `epoch u64 · authority u16 · two hashes of 32, ascending, each with its signature` by the
 * authority's node key over `hash ‖ epoch`. The state machine is given consensus's own rules where both are composed (apps/node).
 */
import type { EvidenceRules } from '@selvedge/application'
import { isEd25519Signature, type KeyPair } from '@selvedge/crypto/ed25519'
import { ByteReader, ByteWriter, compareBytes, LedgerError } from '@selvedge/ledger-types'

interface TestEvidence {
  readonly epoch: number
  readonly authority: number
  readonly pair: readonly (readonly [hash: Uint8Array, signature: Uint8Array])[]
}

export function evidenceOf(keys: KeyPair, epoch: number, authority: number, hashes: readonly [Uint8Array, Uint8Array]): Uint8Array {
  const out = new ByteWriter(202).u8(0).epoch(epoch).u16(authority)
  for (const hash of hashes.toSorted(compareBytes)) out.raw(hash, 32).raw(keys.sign(signingBytes(hash, epoch)), 64)
  return out.finish()
}

export const testEvidenceRules: EvidenceRules = {
  accusedBy: (bytes) => decoded(bytes),
  isProven(bytes, _chainId, epoch, committee) {
    const evidence = decoded(bytes)
    const member = committee[evidence?.authority ?? -1]
    if (evidence === undefined || member === undefined || evidence.epoch !== epoch) return false
    return evidence.pair.every(([hash, signature]) => isEd25519Signature(signature, signingBytes(hash, epoch), member.key))
  },
}

function signingBytes(hash: Uint8Array, epoch: number): Uint8Array {
  return new ByteWriter(40).raw(hash, 32).epoch(epoch).finish()
}

function decoded(bytes: Uint8Array): TestEvidence | undefined {
  try {
    const reader = new ByteReader(bytes)
    if (reader.u8() !== 0) return undefined
    const [epoch, authority] = [reader.epoch(), reader.u16()]
    const pair = [0, 1].map(() => [reader.raw(32), reader.raw(64)] as const)
    reader.end()
    return compareBytes(pair[0]![0], pair[1]![0]) < 0 ? { epoch, authority, pair } : undefined
  } catch (error) {
    if (error instanceof LedgerError) return undefined
    throw error
  }
}
