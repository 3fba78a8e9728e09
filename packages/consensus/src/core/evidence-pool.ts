/**
 * Proven equivocation of one epoch, for both modes (2.13): found here or told by others, checked, kept, passed on, and handed to the
 * order as a system transaction.
 *
 * One proof an offender is enough: the ledger slashes once per (signer, epoch), and the schedule leaves an offender out once. So the
 * first good one is what is kept, ordered and gossiped. Of what one peer says about one offender at most ten are looked at: a peer's junk
 * costs its own word, and shields nobody.
 *
 * Invariant: `#proven` holds offenders whose evidence passed `checkEvidence`, each with a durable record before anything was said.
 */
import { toHex } from '../wire/bytes.ts'
import { checkEvidence, decodeEvidence, encodeEvidence, type Evidence } from '../wire/evidence.ts'
import { decodeSystemTransaction, encodeSystemTransaction } from '../wire/system-transaction.ts'
import type { Authority } from '../wire/types.ts'
import { ConsensusError } from '../errors.ts'
import type { CoreContext } from './context.ts'

/** Evidence against one offender that is looked at when one peer tells it. */
const CHECKS_MAX = 10
/** Verdicts on ordered evidence that are remembered: the same bytes stand in the blocks of several authors. */
const VERDICTS_MAX = 256

export class EvidencePool {
  readonly #context: CoreContext
  readonly #proven = new Map<Authority, Uint8Array>()
  readonly #checks = new Map<string, number>()
  readonly #verdicts = new Map<string, Authority | undefined>()
  #toOrder: Uint8Array[] = []

  /** Reads what was proven before a restart; it is ordered again, which changes nothing when it was. */
  constructor(context: CoreContext) {
    this.#context = context
    for (const { bytes } of context.store.entries('evidence')) {
      const evidence = evidenceIn(bytes)
      if (evidence !== undefined) this.#remember(evidence.signer, bytes)
    }
  }

  isProven(signer: Authority): boolean {
    return this.#proven.has(signer)
  }

  /** @param from - who told it; nobody for what this node saw itself. @returns whether it was new and good. */
  add(evidence: Evidence, from?: Authority): boolean {
    if (this.#proven.has(evidence.signer) || (from !== undefined && !this.#mayCheck(from, evidence.signer))) return false
    if (this.#fails(evidence)) {
      this.#context.count('evidenceRefused')
      return false
    }
    const bytes = encodeEvidence(evidence)
    this.#remember(evidence.signer, bytes)
    this.#context.persist({ kind: 'evidence', key: `${evidence.signer}`, bytes })
    this.#context.push({ type: 'evidence', bytes })
    this.#context.send('others', { type: 'evidence', evidence: decodeEvidence(bytes) })
    this.#context.count('evidence')
    return true
  }

  /** System transactions that the next own header or block should carry; each is handed out once. */
  takeSystemTransactions(): Uint8Array[] {
    const taken = this.#toOrder
    this.#toOrder = []
    return taken
  }

  /**
   * Signers that the evidence among `systemTransactions` proves guilty. A pure function of the bytes: every member must find the same,
   * whatever it has seen itself.
   */
  offendersOf(systemTransactions: readonly Uint8Array[]): readonly Authority[] {
    if (systemTransactions.length === 0) return []
    const offenders = new Set<Authority>()
    for (const bytes of systemTransactions) {
      const offender = bytes[0] === 1 ? this.#verdictOf(bytes) : undefined
      if (offender !== undefined) offenders.add(offender)
    }
    return [...offenders].toSorted((a, b) => a - b)
  }

  #mayCheck(from: Authority, signer: Authority): boolean {
    const pair = `${from}:${signer}`
    const checks = this.#checks.get(pair) ?? 0
    if (checks >= CHECKS_MAX || signer >= this.#context.committee.size) return false
    this.#checks.set(pair, checks + 1)
    return true
  }

  #verdictOf(bytes: Uint8Array): Authority | undefined {
    const key = toHex(bytes)
    if (this.#verdicts.has(key)) return this.#verdicts.get(key)
    const evidence = evidenceInSystemTransaction(bytes)
    const offender = evidence === undefined || this.#fails(evidence) ? undefined : evidence.signer
    if (this.#verdicts.size >= VERDICTS_MAX) this.#verdicts.clear()
    this.#verdicts.set(key, offender)
    return offender
  }

  #fails(evidence: Evidence): boolean {
    const { setup, committee, crypto } = this.#context
    return checkEvidence(evidence, setup.chainId, setup.epoch, committee, crypto) !== undefined
  }

  #remember(signer: Authority, bytes: Uint8Array): void {
    this.#proven.set(signer, bytes)
    this.#toOrder.push(encodeSystemTransaction({ kind: 'evidence', evidence: bytes }))
  }
}

function evidenceInSystemTransaction(bytes: Uint8Array): Evidence | undefined {
  try {
    const transaction = decodeSystemTransaction(bytes)
    return transaction.kind === 'evidence' ? evidenceIn(transaction.evidence) : undefined
  } catch (error) {
    if (error instanceof ConsensusError) return undefined // a member may order any bytes as evidence
    throw error
  }
}

function evidenceIn(bytes: Uint8Array): Evidence | undefined {
  try {
    return decodeEvidence(bytes)
  } catch (error) {
    if (error instanceof ConsensusError) return undefined
    throw error
  }
}
