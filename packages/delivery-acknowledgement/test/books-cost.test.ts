/** What a node computes for an acknowledgement that it refuses: a signature is looked at last, and where anything cheaper is wrong not at all. */
import nodeCrypto from 'node:crypto'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import {
  type AcknowledgementFields,
  decodeAcknowledgement,
  encodeAcknowledgement,
  signAcknowledgement,
} from '@selvedge/delivery-acknowledgement'
import type { AckFrame } from '@selvedge/delivery-acknowledgement/client'
import { beforeAll, expect, test } from 'vitest'
import { createWorld, GROUP, groups, Link } from './support/paid-link.ts'
import { accountOf, EPOCH, seedOf } from './support/world.ts'

type Verify = (...about: readonly unknown[]) => boolean

/** Signatures that were looked at, by whichever of the two libraries that `@selvedge/crypto` has under Node.js: they go on as they are. */
let looked = 0
function count(library: Record<string, unknown>, name: string): () => void {
  const verify = library[name] as Verify
  library[name] = (...about: readonly unknown[]) => {
    looked++
    return verify(...about)
  }
  return () => void (library[name] = verify)
}

function sodium(): Record<string, unknown> | undefined {
  try {
    return createRequire(import.meta.resolve('@selvedge/crypto/ed25519'))('sodium-native') as Record<string, unknown>
  } catch {
    return undefined // it is optional
  }
}

beforeAll(() => {
  const native = sodium()
  const restore = [count(nodeCrypto as unknown as Record<string, unknown>, 'verify')]
  if (native !== undefined) restore.push(count(native, 'crypto_sign_verify_detached'))
  syncBuiltinESMExports()
  return () => {
    for (const each of restore) each()
    syncBuiltinESMExports()
  }
})

function honest(): Link {
  const link = new Link(createWorld(), 1)
  link.open(1, groups(8))
  link.settle()
  expect(link.left).toBe(undefined)
  return link
}

/** The newest acknowledgement of the link once more, with other fields, signed by the client. */
function said(link: Link, change: Partial<AcknowledgementFields>, lanes: AckFrame['lanes'] = []): AckFrame {
  const { signature: _, ...fields } = decodeAcknowledgement(link.acks.at(-1)!.acknowledgement)
  const acknowledgement = signAcknowledgement({ ...fields, seq: 99, isFinal: true, ...change }, createKeyPair(seedOf(1)).sign)
  return { acknowledgement: encodeAcknowledgement(acknowledgement), lanes }
}

function costOf(link: Link, frame: AckFrame): { readonly code: number | undefined; readonly signatures: number } {
  looked = 0
  link.sendAck(frame)
  link.deliver(link.toNode)
  return { code: link.left, signatures: looked }
}

test.each<[string, Partial<AcknowledgementFields>, AckFrame['lanes'] | undefined]>([
  ['an old sequence number', { seq: 1 }, undefined],
  ['a lane that never was', {}, [{ lane: 7, verifiedOffset: 1n }]],
  ['an offset that was acknowledged before', {}, [{ lane: 1, verifiedOffset: BigInt(8 * GROUP) }]],
  ['an offset that was not sent', {}, [{ lane: 1, verifiedOffset: BigInt(8 * GROUP + 1) }]],
  ['no lanes and not FINAL', { isFinal: false }, undefined],
  ['fewer bytes', { cumBytes: 1n }, undefined],
  ['other content', { contentRoot: seedOf(4) }, undefined],
  ['an epoch that is not yet', { epoch: EPOCH + 1n }, undefined],
  ['a life longer than it has', { expiryEpoch: 9 }, undefined],
  ['another chain', { chainId: 8 }, undefined],
  ['another account', { account: accountOf(2) }, undefined],
  ['another node', { nodeIndex: 3 }, undefined],
  ['another session', { sessionId: seedOf(4).slice(0, 16) }, undefined],
  ['another price', { cumPrice: 7n }, undefined],
  ['a table that is not this epoch’s', { priceVersion: 4 }, undefined],
])('one with %s costs no signature', (_, change, lanes) => {
  const link = honest()
  expect(costOf(link, said(link, change, lanes))).toEqual({ code: 12, signatures: 0 })
})

test('bytes that are no acknowledgement, and more acknowledgements than bytes earned, cost no signature', () => {
  expect(costOf(honest(), { acknowledgement: new Uint8Array(236), lanes: [] })).toEqual({ code: 12, signatures: 0 })
  const link = new Link(createWorld(), 1)
  const lane = link.open(1, groups(8))
  while (link.pump(lane));
  link.deliver(link.toClient)
  let before = 0
  for (let offset = 1n; offset <= 2_000n && link.left === undefined; offset++) {
    before = looked
    link.payer.verified(1, offset)
    link.payer.flush()
    link.deliver(link.toNode)
  }
  expect(link.left).toBe(7)
  expect([before > 0, looked]).toEqual([true, before]) // the last one was not looked at
})

test('the control: one that is right but for its signature costs one, and so does one that is taken', () => {
  const wrong = honest()
  const { acknowledgement, lanes } = said(wrong, {})
  acknowledgement[acknowledgement.length - 1]! ^= 1
  expect(costOf(wrong, { acknowledgement, lanes })).toEqual({ code: 12, signatures: 1 })
  const right = honest()
  expect(costOf(right, said(right, {}))).toEqual({ code: undefined, signatures: 1 })
})
