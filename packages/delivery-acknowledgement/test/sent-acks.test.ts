/** What a client keeps of its acknowledgements until it knows that the node has them (sessions.md §6). */
import { decodeAcknowledgement } from '@selvedge/delivery-acknowledgement'
import { createPayer, type Payer } from '@selvedge/delivery-acknowledgement/client'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { expect, test } from 'vitest'
import { createWorld, Link } from './support/paid-link.ts'
import { ACCEPT, OPEN, payingSession, PRICE } from './support/paying.ts'
import { CHAIN_ID, delegationOf, EPOCH, NODE, seedOf } from './support/world.ts'

/** Acknowledgements that are kept at most. */
const KEPT_MOST = 2_048

interface Signer {
  readonly payer: Payer
  /** Numbers of the acknowledgements that left, and nonces of PING, in their order. */
  readonly said: (number | bigint)[]
  /** Signs `count` of them. */
  sign(count: number): void
  /** Another connection, to a node that has the chain up to `seq`. */
  resume(seq: number): void
}

function signer(): Signer {
  const said: (number | bigint)[] = []
  const payer = createPayer({
    chainId: CHAIN_ID,
    nodeKey: NODE.keys.publicKey,
    delegation: delegationOf(1),
    sign: createKeyPair(seedOf(1)).sign,
    capMicroUsd: 10n ** 9n,
    nowMs: () => 0,
  })
  payer.begin(payingSession(1).session, {
    ack: ({ acknowledgement }) => said.push(decodeAcknowledgement(acknowledgement).seq),
    tick: () => {},
    ping: (nonce) => said.push(nonce),
    leave: () => {},
  })
  payer.price(PRICE)
  payer.lane(1, 0, OPEN, ACCEPT)
  let offset = 0n
  return {
    payer,
    said,
    sign(count) {
      const end = offset + BigInt(count)
      while (offset < end) {
        payer.verified(1, ++offset)
        payer.flush()
      }
    },
    resume(seq) {
      said.length = 0
      payer.resume!({ epoch: EPOCH, chains: [{ epoch: EPOCH, serviceId: 0, seq }] })
    },
  }
}

const range = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, index) => first + index)

test('a PING follows every 32 acknowledgements, and none fewer', () => {
  const { said, sign } = signer()
  sign(31)
  expect(said).toEqual(range(1, 31))
  sign(34)
  expect(said).toEqual([...range(1, 32), 1n, ...range(33, 64), 2n, 65])
})

test('what was said before a PING is kept until its answer, and said again where the node has not got it; nothing before it then', () => {
  const { payer, said, sign, resume } = signer()
  sign(65)
  resume(60)
  expect(said).toEqual(range(61, 65))
  payer.pong!(1n)
  resume(0)
  expect(said).toEqual(range(61, 65)) // what the node has, it has
  const fresh = signer()
  fresh.sign(65)
  fresh.payer.pong!(1n)
  fresh.resume(0)
  expect(fresh.said).toEqual(range(33, 65))
  fresh.payer.pong!(2n)
  fresh.resume(0)
  expect(fresh.said).toEqual([65])
})

test(`no more than ${KEPT_MOST} are kept: a node that had none of them ends the session with 12, for their chain has a hole`, () => {
  const codes = [KEPT_MOST, KEPT_MOST + 1].map((count) => {
    const link = new Link(createWorld(), 1)
    const lane = link.open(
      1,
      Array.from({ length: count }, () => 100),
    )
    while (link.pump(lane));
    link.deliver(link.toClient)
    for (let unit = 1; unit <= count; unit++) {
      link.payer.verified(1, BigInt(100 * unit))
      link.payer.flush()
    }
    link.toNode.length = 0 // none arrives
    link.meter.suspend!()
    expect(link.meter.resume!([{ lane: 1, received: lane.received, sent: lane.sent }], 0)).toBe(undefined)
    link.payer.resume!({ epoch: EPOCH, chains: link.meter.chains! })
    expect(link.toNode).toHaveLength(KEPT_MOST)
    link.deliver(link.toNode, 1)
    return link.left
  })
  expect(codes).toEqual([undefined, 12])
})
