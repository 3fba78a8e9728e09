/** What a node and its owner show so that it is registered. */
import {
  encodeAddresses,
  encodeNoiseRecord,
  noiseRecordSigningBytes,
  registrationSigningBytes,
  type SystemArguments,
} from '@selvedge/ledger-types'
import { CHAIN_ID, seedOf, type TestNode } from './network.ts'

/** The record of a node's session key, signed by the node. */
export function noiseRecordOf({ keys }: Pick<TestNode, 'keys'>, notAfterEpoch = 200, chainId: number = CHAIN_ID): Uint8Array {
  const record = { nodeKey: keys.publicKey, x25519: seedOf('x'), notAfterEpoch }
  return encodeNoiseRecord({ ...record, signature: keys.sign(noiseRecordSigningBytes(chainId, record)) })
}

/** @param owner - address of the account that sends it. @param addresses - encoded. */
export function registrationOf(
  node: TestNode,
  owner: Uint8Array,
  addresses: Uint8Array = encodeAddresses([node.address]),
): SystemArguments<'registerNode'> {
  const { keys, bls } = node
  const noiseRecord = noiseRecordOf(node)
  const nodeSig = keys.sign(registrationSigningBytes({ chainId: CHAIN_ID, owner, bls: bls.publicKey, noiseRecord, addresses }))
  return { nodeKey: keys.publicKey, bls: bls.publicKey, pop: bls.provePossession(), nodeSig, noiseRecord, addresses }
}
