/**
 * Signatures, hashes and domain-separated transcripts, with one meaning on every machine.
 *
 * Each part is a subpath too: `/ed25519`, `/sha256`, `/transcript`. `/bls`, `/noise`, `/secp256k1` and, under Node.js,
 * `/certificate`, `/keyfile` and `/verify-pool` are subpaths only. Native code is chosen by the `node` condition; elsewhere audited JavaScript does the same, held to the same
 * tests.
 */
export { CryptoError, type CryptoErrorCode } from './errors.ts'
export {
  createKeyPair,
  isEd25519Signature,
  isPrimeOrderKey,
  PUBLIC_KEY_BYTES,
  SEED_BYTES,
  SIGNATURE_BYTES,
  verifyEd25519,
  type KeyPair,
} from './ed25519.ts'
export { createSha256, sha256, SHA256_BYTES, type Sha256 } from './sha256.ts'
export { DOMAINS, hashTranscript, LEDGER_TAGS, sessionIdOf, transcriptOf, type Domain, type SessionIdInputs } from './transcript.ts'
