/** Row 24 on a living session: an acknowledgement that is not the next of its chain ends the session, whoever signed it. */
import { createKeyPair } from '@selvedge/crypto/ed25519'
import {
  type AcknowledgementFields,
  decodeAcknowledgement,
  encodeAcknowledgement,
  signAcknowledgement,
} from '@selvedge/delivery-acknowledgement'
import type { AckFrame } from '@selvedge/delivery-acknowledgement/client'
import { expect, test } from 'vitest'
import { createWorld, GROUP, groups, Link } from './support/paid-link.ts'
import { accountOf, EPOCH, seedOf } from './support/world.ts'

/** The newest acknowledgement of the link, with other fields, signed by the client. */
function forged(link: Link, client: number, change: Partial<AcknowledgementFields>, lanes?: AckFrame['lanes']): AckFrame {
  const last = link.acks.at(-1)!
  const { signature: _, ...fields } = decodeAcknowledgement(last.acknowledgement)
  const acknowledgement = signAcknowledgement({ ...fields, ...change }, createKeyPair(seedOf(client)).sign)
  return { acknowledgement: encodeAcknowledgement(acknowledgement), lanes: lanes ?? last.lanes }
}

const honest = (): Link => {
  const link = new Link(createWorld(), 1)
  link.open(1, groups(8))
  link.open(2, groups(8), 1)
  link.settle()
  expect(link.left).toBe(undefined)
  return link
}

test('an old acknowledgement, the same again, and one that follows FINAL end the session', () => {
  const old = honest()
  old.sendAck(old.acks[0]!)
  old.deliver(old.toNode)
  const same = honest()
  same.sendAck(same.acks.at(-1)!)
  same.deliver(same.toNode)
  const final = honest()
  final.payer.finish()
  final.deliver(final.toNode)
  expect(final.left).toBe(undefined)
  final.sendAck(forged(final, 1, { seq: 99 }, []))
  final.deliver(final.toNode)
  expect([old.left, same.left, final.left]).toEqual([12, 12, 12])
})

test.each<[string, Partial<AcknowledgementFields>, AckFrame['lanes'] | undefined]>([
  ['less than before', { cumBytes: 1n, seq: 99 }, undefined],
  ['no lanes and not FINAL', { seq: 99, isFinal: false }, []],
  ['a lane that never was', { seq: 99 }, [{ lane: 7, verifiedOffset: 1n }]],
  ['a lane of another service', { seq: 99 }, [{ lane: 1, verifiedOffset: 1n }]],
  ['an offset that was acknowledged before', { seq: 99 }, [{ lane: 2, verifiedOffset: BigInt(8 * GROUP) }]],
  ['an offset that was not sent', { seq: 99 }, [{ lane: 2, verifiedOffset: BigInt(8 * GROUP + 1) }]],
  ['time that nobody metered', { seq: 99, cumCpuMicros: 1n, isFinal: true }, []],
  ['other content', { seq: 99, contentRoot: seedOf(4), isFinal: true }, []],
  ['another chain', { seq: 99, chainId: 8, isFinal: true }, []],
  ['another account', { seq: 99, account: accountOf(2), isFinal: true }, []],
  ['another node', { seq: 99, nodeIndex: 3, isFinal: true }, []],
  ['another session', { seq: 99, sessionId: seedOf(4).slice(0, 16), isFinal: true }, []],
  ['an epoch that is not yet', { seq: 99, epoch: EPOCH + 1n, isFinal: true }, []],
  ['another price', { seq: 99, cumPrice: 7n, isFinal: true }, []],
  ['a table that is not this epoch’s', { seq: 99, priceVersion: 4, isFinal: true }, []],
  ['a life longer than it has', { seq: 99, expiryEpoch: 9, isFinal: true }, []],
])('%s is refused with 12', (_, change, lanes) => {
  const link = honest()
  link.sendAck(forged(link, 1, change, lanes))
  link.deliver(link.toNode)
  expect(link.left).toBe(12)
})

test('the control of the table above: the same without a change is taken, and sequence numbers may be left out', () => {
  const link = honest()
  link.sendAck(forged(link, 1, { seq: 99, isFinal: true }, []))
  link.deliver(link.toNode)
  expect(link.left).toBe(undefined)
})

test('a signature of somebody else and bytes that are no acknowledgement are refused with 12', () => {
  const foreign = honest()
  foreign.sendAck(forged(foreign, 2, { seq: 99, isFinal: true }, []))
  foreign.deliver(foreign.toNode)
  const noise = honest()
  noise.sendAck({ acknowledgement: new Uint8Array(236), lanes: [] })
  noise.deliver(noise.toNode)
  expect([foreign.left, noise.left]).toEqual([12, 12])
})

test('acknowledgements by single bytes are taken while bytes pay for the check, then refused with 7', () => {
  const link = new Link(createWorld(), 1)
  const lane = link.open(1, groups(8))
  while (link.pump(lane));
  link.deliver(link.toClient)
  for (let offset = 1n; offset <= 2_000n && link.left === undefined; offset++) {
    link.payer.verified(1, offset)
    link.payer.flush()
    link.deliver(link.toNode)
  }
  expect(link.left).toBe(7)
  expect(lane.acked).toBeLessThan(100)
})
