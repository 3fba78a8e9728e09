/**
 * The delegation: an account lets a session key spend for it. It is EIP-712 typed data, so that a wallet shows what is signed, and never
 * stands on the ledger but inside an opened challenge.
 */
import { keccak256, recoverAddress, typedDataDigest, word } from '@selvedge/crypto/secp256k1'
import { ACCOUNT_BYTES, ACCOUNT_SIGNATURE_BYTES, DELEGATION_BYTES, DELEGATION_SERVICES_MAX, DIGEST_BYTES } from './constants.ts'
import { malformed } from './errors.ts'
import { isEqualBytes, WireReader, WireWriter } from './wire.ts'

const TYPE = 'Delegation(address account,bytes32 sessionKey,uint64 spendCap,uint64 notAfterEpoch,uint64 nonce,uint32[] services)'

/** All fields as they are signed. */
export interface DelegationFields {
  /** Who pays, 20 bytes. */
  readonly account: Uint8Array
  /** Ed25519 key that signs acknowledgements, 32 bytes. */
  readonly sessionKey: Uint8Array
  /** µUSD per epoch at one node, at most. */
  readonly spendCap: bigint
  /** The last epoch in which it holds; below 2^32. */
  readonly notAfterEpoch: bigint
  /** Ended when the account raises its `minNonce` above it. */
  readonly nonce: bigint
  /** Ascending, at most 32; none: all services. */
  readonly services: readonly number[]
}

export interface Delegation extends DelegationFields {
  /** secp256k1 over `delegationDigestOf`: `r 32 · s 32 · v u8` (0 or 1, low `s`). */
  readonly signature: Uint8Array
}

/** The only encoding: 142 bytes and 4 for each service. */
export function encodeDelegation(delegation: Delegation): Uint8Array {
  const { services, signature } = delegation
  checkServices(services)
  const writer = new WireWriter(DELEGATION_BYTES + 4 * services.length)
    .bytes(delegation.account, ACCOUNT_BYTES, 'account')
    .bytes(delegation.sessionKey, DIGEST_BYTES, 'sessionKey')
    .u64(delegation.spendCap, 'spendCap')
    .epoch(delegation.notAfterEpoch, 'notAfterEpoch')
    .u64(delegation.nonce, 'nonce')
    .u8(services.length, 'serviceCount')
  for (const serviceId of services) writer.u32(serviceId, 'serviceId')
  checkParity(signature)
  return writer.bytes(signature, ACCOUNT_SIGNATURE_BYTES, 'signature').out
}

/**
 * Accepts nothing but what `encodeDelegation` writes. Says nothing about who signed: see `isDelegationSigned`.
 * @throws {DeliveryAcknowledgementError} `DELIVERY_ACKNOWLEDGEMENT_MALFORMED`
 */
export function decodeDelegation(bytes: Uint8Array): Delegation {
  const reader = new WireReader(bytes)
  const account = reader.bytes(ACCOUNT_BYTES, 'account')
  const sessionKey = reader.bytes(DIGEST_BYTES, 'sessionKey')
  const spendCap = reader.u64('spendCap')
  const notAfterEpoch = reader.epoch('notAfterEpoch')
  const nonce = reader.u64('nonce')
  const count = reader.u8('serviceCount')
  if (count > DELEGATION_SERVICES_MAX) throw malformed(`${count} services, ${DELEGATION_SERVICES_MAX} at most`)
  const services: number[] = []
  for (let index = 0; index < count; index++) services.push(reader.u32('serviceId'))
  checkServices(services)
  const signature = reader.bytes(ACCOUNT_SIGNATURE_BYTES, 'signature')
  checkParity(signature)
  reader.end('a delegation')
  return { account, sessionKey, spendCap, notAfterEpoch, nonce, services, signature }
}

/**
 * The EIP-712 digest that the account signs, 32 bytes: domain `{ name: 'Selvedge', version: '1', chainId }`, type
 * `Delegation(address account,bytes32 sessionKey,uint64 spendCap,uint64 notAfterEpoch,uint64 nonce,uint32[] services)`.
 */
export function delegationDigestOf(chainId: number, fields: DelegationFields): Uint8Array {
  const { account, sessionKey, spendCap, notAfterEpoch, nonce, services } = fields
  const list = new Uint8Array(32 * services.length)
  services.forEach((serviceId, index) => list.set(word(serviceId), 32 * index))
  const words = [word(account), word(sessionKey), word(spendCap), word(notAfterEpoch), word(nonce), keccak256(list)]
  return typedDataDigest(chainId, TYPE, words)
}

/** Whether the delegation's own account signed it, for this chain. Never throws for a delegation that was decoded. */
export function isDelegationSigned(chainId: number, delegation: Delegation): boolean {
  const { account, signature } = delegation
  const signer = recoverAddress(delegationDigestOf(chainId, delegation), signature.subarray(0, 64), signature[64] ?? 0)
  return signer !== undefined && isEqualBytes(signer, account)
}

function checkServices(services: readonly number[]): void {
  if (services.length > DELEGATION_SERVICES_MAX) throw malformed(`${services.length} services, ${DELEGATION_SERVICES_MAX} at most`)
  if (services.some((serviceId, index) => index > 0 && serviceId <= (services[index - 1] ?? 0))) throw malformed('services must ascend')
}

function checkParity(signature: Uint8Array): void {
  if ((signature[64] ?? 2) > 1) throw malformed('v of the signature must be 0 or 1')
}
