/** What acknowledging costs on the wire: frames of a real payer, for what it verifies in units of 64 KiB, with the answers to them. */
import { sessionIdOf } from '@selvedge/crypto/transcript'
import { createPayer } from '@selvedge/delivery-acknowledgement/client'
import { expect, test } from 'vitest'
import { HEADER_BYTES } from '../src/constants.ts'
import { encodeAck } from '../src/payment-frames.ts'
import { CHAIN, NODE } from './cores.ts'
import { payeeOf } from './payees.ts'

const KIB = 1_024
const MIB = 1_024 * KIB
const UNIT_BYTES = 64 * KIB
const EPOCH = 5n
const RAND = new Uint8Array(16).fill(4)
const PRICES = { priceVersion: 1, bytePrice: 10n, cpuPrice: 0n }
/** With its header, there and back. */
const PING_BYTES = 2 * (HEADER_BYTES + 8)

/** Bytes of ACK, PING and PONG for so many of DATA, at a window that stays. */
function bytesFor(dataBytes: number, window: number): number {
  const { account, sessionKey, delegation } = payeeOf(0)
  const nodeKey = NODE.publicKey
  const inputs = { laneNonce: 0n, epoch: EPOCH, clientRand: RAND, nodeRand: RAND }
  const sessionId = sessionIdOf({ chainId: CHAIN, account, sessionKey: sessionKey.publicKey, nodeKey, ...inputs })
  const session = { sessionId, account, ...inputs, nodeIndex: 0, priceVersion: 1, window, channelBinding: new Uint8Array(33) }
  const payer = createPayer({ chainId: CHAIN, nodeKey, delegation, sign: sessionKey.sign, capMicroUsd: 2n ** 62n, nowMs: () => 0 })
  let bytes = 0
  payer.begin(session, {
    ack: (frame) => (bytes += HEADER_BYTES + encodeAck(frame).length),
    tick() {},
    ping: () => (bytes += PING_BYTES),
    leave: (code) => expect.unreachable(`left with ${code}`),
  })
  payer.price({ ...PRICES, fromEpoch: EPOCH, services: [{ serviceId: 0, multiplePpm: 1_000_000 }] })
  payer.lane(1, 0, Uint8Array.of(1), Uint8Array.of(2))
  for (let offset = UNIT_BYTES; offset <= dataBytes; offset += UNIT_BYTES) payer.verified(1, BigInt(offset))
  return bytes
}

test.each([
  ['256 KiB, where an account begins', 256 * KIB, 0.39],
  ['4 MiB', 4 * MIB, 0.03],
  ['16 MiB', 16 * MIB, 0.03],
])('at a window of %s acknowledgements take no more of the wire than the goal', (_, window, percentMax) => {
  const percent = (100 * bytesFor(256 * MIB, window)) / (256 * MIB)
  expect(Number(percent.toFixed(2))).toBeLessThanOrEqual(percentMax)
  expect(percent).toBeGreaterThan(0)
})
