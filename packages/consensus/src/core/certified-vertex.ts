/** A certificate as the order sees it, and what of its header execution needs. */
import { toHex } from '../wire/bytes.ts'
import { certificateDigest } from '../wire/certificate.ts'
import { headerDigest } from '../wire/header.ts'
import type { Authority, Certificate, Digest, PayloadEntry } from '../wire/types.ts'
import type { Vertex } from '../dag/contract.ts'
import type { OrderedItem } from './contract.ts'

/** What a vertex brings to execution. */
export interface VertexContent {
  readonly payload: readonly PayloadEntry[]
  readonly systemTransactions: readonly Uint8Array[]
}

/** A certificate with its digests, taken once. */
export interface Candidate {
  readonly certificate: Certificate
  /** Its encoding, which is kept. */
  readonly bytes: Uint8Array
  readonly headerDigest: Digest
  readonly digest: Digest
  readonly key: string
}

export function candidateOf(certificate: Certificate, bytes: Uint8Array, chainId: number): Candidate {
  const ofHeader = headerDigest(chainId, certificate.header)
  const digest = certificateDigest(chainId, ofHeader)
  return { certificate, bytes, headerDigest: ofHeader, digest, key: toHex(digest) }
}

export function vertexOf({ certificate: { header }, digest, key }: Candidate): Vertex {
  const { round, author, createdAtMs } = header
  const parents = header.parents.map((parent) => ({ round: round - 1, author: parent.author, key: toHex(parent.digest) }))
  return { round, author, digest, key, createdAtMs, parents }
}

/** System transactions first, then batches in the order of the header (2.9). */
export function itemsOfHeader({ author, systemTransactions, payload }: VertexContent & { readonly author: Authority }): OrderedItem[] {
  return [
    ...systemTransactions.map((bytes) => ({ type: 'system', author, bytes }) as const),
    ...payload.map(({ digest }) => ({ type: 'batch', author, digest }) as const),
  ]
}
