/** What the order knows about its own evidence, in the form that the state machine asks for: neither room imports the other. */
import type { EvidenceRules } from '@selvedge/application'
import { checkEvidence, createCommittee, decodeEvidence, evidenceEpochOf, type Evidence, type EvidenceCrypto } from '@selvedge/consensus'
import { isBlsSignature } from '@selvedge/crypto/bls'
import { isEd25519Signature } from '@selvedge/crypto/ed25519'

const crypto: EvidenceCrypto = {
  isSigned: (signature, message, key) => isEd25519Signature(signature, message, key),
  isCheckpointSigned: (signature, message, blsKey) => isBlsSignature(signature, message, blsKey),
}

export const evidenceRules: EvidenceRules = {
  accusedBy(bytes) {
    const evidence = decoded(bytes)
    return evidence === undefined ? undefined : { epoch: evidenceEpochOf(evidence), authority: evidence.signer }
  },
  isProven(bytes, chainId, epoch, committee) {
    const evidence = decoded(bytes)
    if (evidence === undefined) return false
    const members = committee.map(({ key, blsKey, stake }) => ({ key, blsKey, stake, nodeIndex: 0 }))
    return checkEvidence(evidence, chainId, epoch, createCommittee(members), crypto) === undefined
  },
}

function decoded(bytes: Uint8Array): Evidence | undefined {
  try {
    return decodeEvidence(bytes)
  } catch {
    return undefined // the decoder throws its own error only
  }
}
