/**
 * Whether an acknowledgement is payable. The node asks before it serves on, the ledger asks when a claim is challenged, and both ask HERE:
 * an acknowledgement that passes at the node and fails at the ledger would cost an honest node its claim.
 *
 * A pure function of the evidence and the epoch's rules; total: no evidence makes it throw. Cheap checks come first, signatures last.
 */
import { isEd25519Signature } from '@selvedge/crypto/ed25519'
import { type Acknowledgement, preimageViewOf } from './acknowledgement.ts'
import { TICK_BYTES } from './constants.ts'
import { type Delegation, encodeDelegation, isDelegationSigned } from './delegation.ts'
import { idOf, KnownGood } from './known-good.ts'
import { type PriceTable, priceOf } from './price.ts'
import { isTick, type Tick } from './tick.ts'
import { isEqualBytes } from './wire.ts'

/** What went into the session's id besides what the acknowledgement and the rules name. */
export interface SessionInputs {
  /** The node's counter of sessions. */
  readonly laneNonce: bigint
  /** 16 bytes each. */
  readonly clientRand: Uint8Array
  readonly nodeRand: Uint8Array
}

/** All that is needed to judge one acknowledgement. */
export interface Evidence {
  readonly acknowledgement: Acknowledgement
  readonly tick: Tick
  readonly session: SessionInputs
  readonly delegation: Delegation
}

/** What one epoch holds to: of the ledger's state at that epoch's end, before the change. */
export interface EpochRules {
  readonly chainId: number
  readonly epoch: bigint
  readonly nodeIndex: number
  /** Ed25519 key of that node, 32 bytes. */
  readonly nodeKey: Uint8Array
  readonly prices: PriceTable
  /** A service's multiple of the prices in ppm; `undefined`: no such service. */
  multiplePpmOf(serviceId: number): number | undefined
  /** The paying client behind an account; `undefined`: it never paid anything in. */
  clientOf(account: Uint8Array): Client | undefined
}

export interface Client {
  readonly clientIndex: number
  /** Delegations with a lower nonce have ended. */
  readonly minNonce: bigint
}

export type AcknowledgementFault =
  | 'chain' // of another chain
  | 'epoch' // of another epoch, or it does not expire in the next
  | 'node' // for another node
  | 'account' // the delegation is another account's
  | 'client' // nobody who pays
  | 'service' // no such service
  | 'delegation-expired'
  | 'delegation-revoked'
  | 'delegation-service' // it does not allow this service
  | 'session' // the session's id is not made of these inputs
  | 'price-version'
  | 'price' // not what these bytes and this time cost
  | 'tick' // not behind this anchor
  | 'spend-cap' // more than the delegation allows
  | 'delegation-signature'
  | 'signature'

/** `amount`: what it pays in µUSD, the tick's bytes included. */
export type AcknowledgementVerdict =
  | { readonly isPayable: true; readonly amount: bigint; readonly client: Client }
  | { readonly isPayable: false; readonly fault: AcknowledgementFault }

/**
 * Judges one acknowledgement, once decoded, with all that belongs to it.
 * @param signed - delegations found signed before, a character for each byte behind the chain's id, and where new ones are noted: an account's recovery
 * costs as much as the rest. The caller bounds it. It spares work and changes no answer; a `KnownGood` spares more.
 * @param preimage - what the acknowledgement's signature is of, where it is at hand: the first 172 of the bytes that it was decoded from.
 */
export function checkAcknowledgement(
  evidence: Evidence,
  rules: EpochRules,
  signed?: Set<string>,
  preimage?: Uint8Array,
): AcknowledgementVerdict {
  const fault = contextFaultOf(evidence, rules, signed)
  if (fault !== undefined) return { isPayable: false, fault }
  const client = rules.clientOf(evidence.acknowledgement.account)
  if (client === undefined) return { isPayable: false, fault: 'client' }
  if (evidence.delegation.nonce < client.minNonce) return { isPayable: false, fault: 'delegation-revoked' }
  const price = priceFaultOf(evidence, rules)
  if (typeof price === 'string') return { isPayable: false, fault: price }
  const signature = signatureFaultOf(evidence, rules.chainId, signed, preimage)
  return signature === undefined ? { isPayable: true, amount: price, client } : { isPayable: false, fault: signature }
}

function contextFaultOf(
  { acknowledgement, delegation, session }: Evidence,
  rules: EpochRules,
  signed: Set<string> | undefined,
): AcknowledgementFault | undefined {
  const { chainId, epoch, nodeIndex, nodeKey } = rules
  if (acknowledgement.chainId !== chainId) return 'chain'
  if (acknowledgement.epoch !== epoch || BigInt(acknowledgement.expiryEpoch) !== epoch + 1n) return 'epoch'
  if (acknowledgement.nodeIndex !== nodeIndex) return 'node'
  if (!isEqualBytes(acknowledgement.account, delegation.account)) return 'account'
  if (delegation.notAfterEpoch < epoch) return 'delegation-expired'
  const { services } = delegation
  if (services.length > 0 && !services.includes(acknowledgement.serviceId)) return 'delegation-service'
  const place = { chainId, nodeKey, epoch } // the account is the delegation's, as was checked
  const expected = signed instanceof KnownGood ? signed.sessionIdOf(session, delegation, place) : idOf(session, delegation, place)
  return isEqualBytes(acknowledgement.sessionId, expected) ? undefined : 'session'
}

/** The amount in µUSD, or what is wrong with it. */
function priceFaultOf(evidence: Evidence, rules: EpochRules): bigint | AcknowledgementFault {
  const { acknowledgement, tick } = evidence
  const { serviceId, cumBytes, cumCpuMicros, cumPrice, priceVersion, payAnchor } = acknowledgement
  if (priceVersion !== rules.prices.priceVersion) return 'price-version'
  const multiplePpm = rules.multiplePpmOf(serviceId)
  if (multiplePpm === undefined) return 'service'
  if (priceOf(cumBytes, cumCpuMicros, rules.prices, multiplePpm) !== cumPrice) return 'price'
  return isTick(payAnchor, tick) ? amountOf(evidence, tick.index, rules) : 'tick'
}

/**
 * What evidence pays that is good but for its tick, with the tick `index` behind it in place of its own, in µUSD; or what is wrong with that. Whether the
 * tick was revealed is the caller's to know: a node that follows the chain hashes once for each, and the ledger from the anchor on.
 */
export function amountOf(
  { acknowledgement, delegation }: Pick<Evidence, 'acknowledgement' | 'delegation'>,
  index: number,
  rules: EpochRules,
): bigint | 'service' | 'price' | 'spend-cap' {
  const { serviceId, cumBytes, cumCpuMicros, cumPrice } = acknowledgement
  const multiplePpm = rules.multiplePpmOf(serviceId)
  if (multiplePpm === undefined) return 'service'
  const amount = index === 0 ? cumPrice : priceOf(cumBytes + TICK_BYTES * BigInt(index), cumCpuMicros, rules.prices, multiplePpm)
  if (amount === undefined) return 'price'
  return amount <= delegation.spendCap ? amount : 'spend-cap'
}

function signatureFaultOf(
  { acknowledgement, delegation }: Evidence,
  chainId: number,
  signed: Set<string> | undefined,
  preimage: Uint8Array = preimageViewOf(acknowledgement),
): AcknowledgementFault | undefined {
  if (!isSignedDelegation(chainId, delegation, signed)) return 'delegation-signature'
  const { signature } = acknowledgement
  return isEd25519Signature(signature, preimage, delegation.sessionKey) ? undefined : 'signature'
}

/** Whether the account signed it; `signed` as in `checkAcknowledgement`. */
export function isSignedDelegation(chainId: number, delegation: Delegation, signed: Set<string> | undefined): boolean {
  if (signed instanceof KnownGood) {
    if (signed.isSigned(chainId, delegation)) return true
    if (!isSignedByBytes(chainId, delegation, signed)) return false
    signed.noteSigned(chainId, delegation)
    return true
  }
  return signed === undefined ? isDelegationSigned(chainId, delegation) : isSignedByBytes(chainId, delegation, signed)
}

function isSignedByBytes(chainId: number, delegation: Delegation, signed: Set<string>): boolean {
  const known = `${chainId} ${String.fromCharCode(...encodeDelegation(delegation))}`
  if (signed.has(known)) return true
  if (!isDelegationSigned(chainId, delegation)) return false
  signed.add(known)
  return true
}
