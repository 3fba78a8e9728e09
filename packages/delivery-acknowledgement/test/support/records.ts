/** Records of many chains, made of one that is signed: a store keeps what it is given. */
import { NO_TICK, type Tick } from '@selvedge/delivery-acknowledgement'
import type { ChainRecord } from '@selvedge/delivery-acknowledgement/node'
import { EPOCH, evidenceOf, seedOf } from './world.ts'

const BASE = evidenceOf({ client: 1, serviceId: 0, session: 1, bytes: 1_000n })

export function recordOf(chain: number, seq: number, epoch: bigint = EPOCH, tick: Tick = NO_TICK): ChainRecord {
  const acknowledgement = { ...BASE.acknowledgement, sessionId: seedOf(chain).slice(0, 16), seq, epoch }
  return { evidence: { ...BASE, acknowledgement, tick }, clientIndex: chain, amount: BigInt(seq) }
}

/** What a store has of an epoch: newest number by chain. */
export function seqsOf(records: readonly ChainRecord[]): Map<number, number> {
  return new Map(records.map(({ evidence, clientIndex }) => [clientIndex, evidence.acknowledgement.seq]))
}

/** Sessions of one epoch that acknowledge in turn. */
export const CHAINS = 100

/** Of each acknowledgement so many records: it, and then one for each tick behind it. */
const RECORDS_A_SEQ = 8

/** Record number `number` of all that the sessions make together: an acknowledgement, or one more tick behind it. */
export function recordOfNumber(number: number): ChainRecord {
  const before = placeOfNumber(number) - 1
  const index = before % RECORDS_A_SEQ
  const tick = index === 0 ? NO_TICK : { index, x: new Uint8Array(32).fill(index) }
  return recordOf(number % CHAINS, Math.floor(before / RECORDS_A_SEQ) + 1, EPOCH, tick)
}

/** The how-manieth of its chain it is, from 1. */
export const placeOfNumber = (number: number): number => Math.floor(number / CHAINS) + 1

/** What a store has of an epoch: the place of each chain's record. */
export function placesOf(records: readonly ChainRecord[]): Map<number, number> {
  return new Map(
    records.map(({ evidence: { acknowledgement, tick }, clientIndex }) => {
      return [clientIndex, (acknowledgement.seq - 1) * RECORDS_A_SEQ + tick.index + 1]
    }),
  )
}
