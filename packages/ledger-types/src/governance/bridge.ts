/** What the keys of a bridge sign so that a token is minted: typed data of EIP-712, `r 32 · s 32 · v u8 (0 or 1)` each. */
import { recoverAddress, typedDataDigest, word } from '@selvedge/crypto/secp256k1'

export interface BridgeMint {
  readonly token: number
  /** 32 bytes: names the deposit on the other side, good once for ever. */
  readonly sourceId: Uint8Array
  readonly to: Uint8Array
  readonly prepaid: boolean
  readonly amount: bigint
}

export const BRIDGE_MINT_TYPE = 'Mint(uint32 token,bytes32 sourceId,address to,bool prepaid,uint256 amount)'
export const BRIDGE_SIGNATURE_BYTES = 65

/** The 32 bytes that each key signs. */
export function bridgeMintDigest(chainId: number, { token, sourceId, to, prepaid, amount }: BridgeMint): Uint8Array {
  return typedDataDigest(chainId, BRIDGE_MINT_TYPE, [word(token), word(sourceId), word(to), word(prepaid), word(amount)])
}

/** Who signed, in order; `undefined` when the bytes are not whole signatures, or one is none. */
export function bridgeSignersOf(digest: Uint8Array, signatures: Uint8Array): Uint8Array[] | undefined {
  if (signatures.length % BRIDGE_SIGNATURE_BYTES !== 0) return undefined
  const signers: Uint8Array[] = []
  for (let offset = 0; offset < signatures.length; offset += BRIDGE_SIGNATURE_BYTES) {
    const signer = recoverAddress(digest, signatures.slice(offset, offset + 64), signatures[offset + 64]!)
    if (signer === undefined) return undefined
    signers.push(signer)
  }
  return signers
}
