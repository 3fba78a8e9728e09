/** Records of many chains, made of one that is signed: a store keeps what it is given. */
import type { ChainRecord } from '@selvedge/delivery-acknowledgement/node'
import { EPOCH, evidenceOf, seedOf } from './world.ts'

const BASE = evidenceOf({ client: 1, serviceId: 0, session: 1, bytes: 1_000n })

export function recordOf(chain: number, seq: number, epoch: bigint = EPOCH): ChainRecord {
  const acknowledgement = { ...BASE.acknowledgement, sessionId: seedOf(chain).slice(0, 16), seq, epoch }
  return { evidence: { ...BASE, acknowledgement }, clientIndex: chain, amount: BigInt(seq) }
}

/** What a store has of an epoch: newest number by chain. */
export function seqsOf(records: readonly ChainRecord[]): Map<number, number> {
  return new Map(records.map(({ evidence, clientIndex }) => [clientIndex, evidence.acknowledgement.seq]))
}

/** Sessions of one epoch that acknowledge in turn. */
export const CHAINS = 100

/** Acknowledgement number `number` of all that the sessions make together. */
export const recordOfNumber = (number: number): ChainRecord => recordOf(number % CHAINS, seqOfNumber(number))
export const seqOfNumber = (number: number): number => Math.floor(number / CHAINS) + 1
