/** What the keys of a token's bridge sign. */
import { signSecp256k1 } from '@selvedge/crypto/secp256k1'
import { bridgeMintDigest, type BridgeMint } from '@selvedge/ledger-types'
import { CHAIN_ID, type Wallet } from './network.ts'

/** 65 bytes a signer, in the order given: whoever wants it taken gives them ascending by address. */
export function bridgeSignatures(message: BridgeMint, signers: readonly Wallet[], chainId: number = CHAIN_ID): Uint8Array {
  const digest = bridgeMintDigest(chainId, message)
  return Buffer.concat(
    signers.map(({ secretKey }) => {
      const { signature, v } = signSecp256k1(digest, secretKey)
      return Buffer.concat([signature, Uint8Array.of(v)])
    }),
  )
}
