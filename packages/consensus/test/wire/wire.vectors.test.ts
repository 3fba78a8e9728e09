import { readFileSync } from 'node:fs'
import * as wire from '@selvedge/consensus'
import { expect, test } from 'vitest'
import * as reference from '../reference/wire.ts'
import { codecs } from './codecs.ts'

interface Vector {
  readonly codec: string
  readonly value: unknown
  readonly encoded: string
  readonly digest?: string
  readonly signingBytes?: string
}
interface File {
  readonly chainId: number
  readonly committeeSize: number
  readonly committee: { readonly members: readonly wire.Member[]; readonly root: string }
  readonly genesis: { readonly genesisHash: Uint8Array; readonly epoch: number; readonly author: number; readonly digest: string }
  readonly vectors: readonly Vector[]
}

/** Text that is no bytes. */
const TEXT = ['kind', 'type', 'by']
const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const { chainId, committeeSize, committee, genesis, vectors } = JSON.parse(
  readFileSync(new URL('../../vectors/wire.json', import.meta.url), 'utf8'),
) as File
const valueOf = (json: unknown, key = ''): unknown => {
  if (typeof json === 'string') return TEXT.includes(key) ? json : fromHex(json)
  if (Array.isArray(json)) return json.map((each) => valueOf(each))
  if (typeof json === 'object' && json !== null) {
    return Object.fromEntries(Object.entries(json).map(([name, each]) => [name, valueOf(each, name)]))
  }
  return json
}

const codecOf = (name: string): (typeof codecs)[number] => codecs.find((each) => each.name === name || each.name === `${name} vote`)!

/** Digest and signing bytes by the functions that a user calls. */
const derived: Readonly<Record<string, (value: never, encoded: Uint8Array) => { digest?: Uint8Array; signingBytes?: Uint8Array }>> = {
  batch: (_, encoded) => ({ digest: wire.batchDigest(chainId, encoded) }),
  header: ({ header }: wire.SignedHeader) => {
    const digest = wire.headerDigest(chainId, header)
    return { digest, signingBytes: wire.headerSigningBytes(digest) }
  },
  vote: (vote: wire.Vote) => ({ signingBytes: wire.voteSigningBytes(vote) }),
  certificate: ({ header }: wire.Certificate) => ({ digest: wire.certificateDigest(chainId, wire.headerDigest(chainId, header)) }),
  block: ({ block }: wire.SignedBlock) => {
    const digest = wire.blockDigest(chainId, block)
    return { digest, signingBytes: wire.blockSigningBytes(digest) }
  },
  'sub-DAG': (subDag: wire.SubDag) => ({ digest: wire.subDagDigest(chainId, subDag) }),
  'checkpoint signature': ({ bytes }: wire.CheckpointSignature) => ({ signingBytes: wire.checkpointSigningBytes(bytes) }),
}

test.each(vectors.map((vector, i) => ({ ...vector, i })))('vector $i, $codec: one value, one encoding, one digest', (vector) => {
  const { encode, decode } = codecOf(vector.codec)
  const value = valueOf(vector.value)
  expect(toHex(encode(value as never))).toBe(vector.encoded)
  const decoded = decode(fromHex(vector.encoded))
  expect(decoded).toEqual(value)
  for (const each of [value, decoded]) {
    const { digest, signingBytes } = derived[vector.codec]?.(each as never, fromHex(vector.encoded)) ?? {}
    expect(digest && toHex(digest)).toBe(vector.digest)
    expect(signingBytes && toHex(signingBytes)).toBe(vector.signingBytes)
  }
})

test('the vectors hold every codec and every frame', () => {
  expect(new Set(vectors.map(({ codec }) => codec))).toEqual(new Set([...codecs.slice(0, 10).map(({ name }) => name), 'frame']))
  const types = vectors.filter(({ codec }) => codec === 'frame').map(({ value }) => (value as wire.Frame).type)
  expect([...new Set(types)]).toEqual(wire.FRAME_TYPES)
  expect(reference.FRAME_TYPES).toEqual(wire.FRAME_TYPES)
  expect(committeeSize).toBe(10)
})

test('committee root and genesis digest are those of the vectors', () => {
  const members = valueOf(committee.members) as wire.Member[]
  expect(toHex(wire.committeeRoot(wire.createCommittee(members)))).toBe(committee.root)
  const { genesisHash, epoch, author } = valueOf(genesis) as File['genesis']
  expect(toHex(wire.genesisDigest(chainId, genesisHash, epoch, author))).toBe(genesis.digest)
})
