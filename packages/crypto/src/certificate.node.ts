/**
 * The node's X.509 certificate: one fixed DER shape around its Ed25519 key, self-signed, so that equal keys have equal certificates.
 * Nobody reads more of it than the key: names and dates are constants. Sessions and the members' connections use the same. Node only.
 */
import { encodeElement } from './der.node.ts'
import type { KeyPair } from './ed25519.ts'

const SEQUENCE = 0x30
const ED25519 = encodeElement(SEQUENCE, Buffer.from('06032b6570', 'hex')) // OID 1.3.101.112, no parameters (RFC 8410, section 3)
const COMMON_NAME = encodeElement(SEQUENCE, Buffer.from('0603550403', 'hex'), encodeElement(0x0c, Buffer.from('selvedge')))
const NAME = encodeElement(SEQUENCE, encodeElement(0x31, COMMON_NAME))
/** From 1970 to the date that RFC 5280 gives to certificates without an end. */
const VALIDITY = encodeElement(
  SEQUENCE,
  encodeElement(0x17, Buffer.from('700101000000Z')),
  encodeElement(0x18, Buffer.from('99991231235959Z')),
)
const bitString = (bytes: Uint8Array): Uint8Array => encodeElement(0x03, Buffer.from([0]), bytes)

/** The certificate of `identity` in DER, for both ends of TLS. */
export function encodeCertificate(identity: KeyPair): Uint8Array {
  const version = encodeElement(0xa0, encodeElement(0x02, Buffer.from([2]))) // v3
  const serial = encodeElement(0x02, Buffer.from([1]))
  const keyInfo = encodeElement(SEQUENCE, ED25519, bitString(identity.publicKey))
  const body = encodeElement(SEQUENCE, version, serial, ED25519, NAME, VALIDITY, NAME, keyInfo)
  return encodeElement(SEQUENCE, body, ED25519, bitString(identity.sign(body)))
}

/** The private key in PKCS #8 DER: secret, like the seed that it holds. */
export function encodePrivateKey(identity: KeyPair): Uint8Array {
  return Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), identity.seed])
}
