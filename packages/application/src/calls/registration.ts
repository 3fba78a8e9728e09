/**
 * What a node proves about itself: that it holds the secrets of both keys, that its session key is its own, and that its addresses can be
 * a host's.
 *
 * Nobody on the ledger can dial an address, so only its form is checked: what no host can have is refused, and so is an IPv4 address in
 * the clothes of IPv6, since the rules that count hosts of one network (/24 and /16, /48 and /32) read these bytes.
 */
import { isBlsPossession } from '@selvedge/crypto/bls'
import { isEd25519Signature, isPrimeOrderKey } from '@selvedge/crypto/ed25519'
import {
  decodeAddresses,
  decodeNoiseRecord,
  isNoiseRecordSigned,
  isSameBytes,
  LedgerError,
  registrationSigningBytes,
  type NetworkAddress,
  type NoiseRecord,
  type Registration,
} from '@selvedge/ledger-types'

const BLS_KEY_BYTES = 48
const BLS_SIGNATURE_BYTES = 96

/** The record if it is `nodeKey`'s own, signed for this chain. */
export function noiseRecordOf(chainId: number, nodeKey: Uint8Array, bytes: Uint8Array): NoiseRecord | undefined {
  const record = decoded(() => decodeNoiseRecord(bytes))
  if (record === undefined || !isSameBytes(record.nodeKey, nodeKey)) return undefined
  return isNoiseRecordSigned(chainId, record) ? record : undefined
}

export interface Proofs {
  readonly nodeKey: Uint8Array
  /** Proof of possession of the BLS key. */
  readonly pop: Uint8Array
  readonly nodeSig: Uint8Array
}

/** Whether both keys are good and in the hands of who registers them, and the session key is this node's. */
export function isRegistrationProven(registration: Registration, { nodeKey, pop, nodeSig }: Proofs): boolean {
  const { chainId, bls, noiseRecord } = registration
  if (bls.length !== BLS_KEY_BYTES || pop.length !== BLS_SIGNATURE_BYTES || !isPrimeOrderKey(nodeKey)) return false
  if (!isEd25519Signature(nodeSig, registrationSigningBytes(registration), nodeKey)) return false
  return noiseRecordOf(chainId, nodeKey, noiseRecord) !== undefined && isBlsPossession(pop, bls) // the dearest last
}

/** Addresses from their one encoding, when each is one that a host can have. */
export function hostAddressesOf(bytes: Uint8Array): readonly NetworkAddress[] | undefined {
  const addresses = decoded(() => decodeAddresses(bytes))
  return addresses?.every(({ ip, pool }) => isHost(ip) && pool !== 0) === true ? addresses : undefined
}

/** Not the unspecified address, no multicast or broadcast, no IPv4 inside IPv6. */
function isHost(ip: Uint8Array): boolean {
  const [first, second, third, fourth] = ip as unknown as readonly [number, number, number, number]
  if (ip.length === 4) return first !== 0 && first < 224
  const isMapped = ip.subarray(0, 10).every((byte) => byte === 0) // ::, ::1, ::ffff:a.b.c.d and ::a.b.c.d
  const isTranslated = first === 0x00 && second === 0x64 && third === 0xff && fourth === 0x9b // 64:ff9b::/32
  const isTunnel = first === 0x20 && second === 0x02 // 2002::/16
  return first !== 0xff && !isMapped && !isTranslated && !isTunnel
}

function decoded<T>(decode: () => T): T | undefined {
  try {
    return decode()
  } catch (error) {
    if (error instanceof LedgerError) return undefined
    throw error
  }
}
