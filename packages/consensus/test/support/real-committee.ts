/** A committee with keys and signatures as shipped. */
import { createKeyPair, isEd25519Signature } from '@selvedge/crypto/ed25519'
import { compareBytes } from '../../src/wire/bytes.ts'
import { isCheaplySigned } from './cheap-signatures.ts'
import { memberOf, seedOf, type TestCommittee } from './committee.ts'

export function createRealCommittee(size: number): TestCommittee {
  const pairs = Array.from({ length: size }, (_, index) => createKeyPair(seedOf(index))).toSorted((a, b) =>
    compareBytes(a.publicKey, b.publicKey),
  )
  return {
    members: pairs.map(({ publicKey }, place) => memberOf(publicKey, place, 1)),
    cryptos: pairs.map(({ sign }) => ({ sign, isSigned: isEd25519Signature, isCheckpointSigned: isCheaplySigned })),
  }
}
