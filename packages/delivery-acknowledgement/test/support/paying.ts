/** A paying client of the small world, whose session goes nowhere: what it would send is kept. */
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { sessionIdOf } from '@selvedge/crypto/transcript'
import { decodeAcknowledgement, type Acknowledgement } from '@selvedge/delivery-acknowledgement'
import { createPayer, type Payer, type PayerOptions, type PayingSession, type TickFrame } from '@selvedge/delivery-acknowledgement/client'
import type { PriceFrame } from '@selvedge/delivery-acknowledgement/node'
import { CHAIN_ID, delegationOf, EPOCH, NODE, PRICES, seedOf } from './world.ts'

export const BINDING: Uint8Array = new Uint8Array(33).fill(5)
export const RAND: Uint8Array = seedOf(77).slice(0, 16)
export const PRICE: PriceFrame = {
  ...PRICES,
  fromEpoch: EPOCH,
  services: [
    { serviceId: 0, multiplePpm: 1_000_000 },
    { serviceId: 1, multiplePpm: 1_000_000 },
  ],
}
export const OPEN: Uint8Array = Uint8Array.of(1, 2, 3)
export const ACCEPT: Uint8Array = Uint8Array.of(4, 5)

export interface SentAck {
  readonly acknowledgement: Acknowledgement
  readonly lanes: readonly { readonly lane: number; readonly verifiedOffset: bigint }[]
}

export interface PaidSession {
  readonly payer: Payer
  readonly session: PayingSession
  readonly acks: SentAck[]
  readonly ticks: TickFrame[]
  /** Codes with which it left. */
  readonly left: number[]
}

export function sessionIdFor(client: number, epoch: bigint, nodeRand: Uint8Array, laneNonce = 3n): Uint8Array {
  const { account, sessionKey } = delegationOf(client)
  const nodeKey = NODE.keys.publicKey
  return sessionIdOf({ chainId: CHAIN_ID, account, sessionKey, nodeKey, laneNonce, epoch, clientRand: RAND, nodeRand })
}

/** A session of `client` in the world's epoch, with WELCOME and PRICE behind it. */
export function payingSession(
  client: number,
  options: Partial<PayerOptions> = {},
  window = 262_144,
  price: PriceFrame = PRICE,
): PaidSession {
  const acks: SentAck[] = []
  const ticks: TickFrame[] = []
  const left: number[] = []
  const payer = createPayer({
    chainId: CHAIN_ID,
    nodeKey: NODE.keys.publicKey,
    delegation: delegationOf(client),
    sign: createKeyPair(seedOf(client)).sign,
    capMicroUsd: 10n ** 9n,
    nowMs: () => 0,
    ...options,
  })
  const session = {
    sessionId: sessionIdFor(client, EPOCH, RAND),
    account: delegationOf(client).account,
    laneNonce: 3n,
    epoch: EPOCH,
    nodeIndex: NODE.nodeIndex,
    priceVersion: PRICES.priceVersion,
    window,
    clientRand: RAND,
    nodeRand: RAND,
    channelBinding: BINDING,
  }
  payer.begin(session, {
    ack: ({ acknowledgement, lanes }) => acks.push({ acknowledgement: decodeAcknowledgement(acknowledgement), lanes }),
    tick: (frame) => ticks.push(frame),
    leave: (code) => left.push(code),
  })
  const refused = payer.price(price)
  if (refused !== undefined) left.push(refused)
  return { payer, session, acks, ticks, left }
}
