/** The signatures of a genesis file: each operator's over its own entry, and the proof that it holds its BLS key. */
import { isBlsPossession } from '@selvedge/crypto/bls'
import { isEd25519Signature, isPrimeOrderKey } from '@selvedge/crypto/ed25519'
import { LedgerError } from '../errors.ts'
import { decodeNoiseRecord, isNoiseRecordSigned } from '../nodes/noise-record.ts'
import { registrationSigningBytes } from '../nodes/registration.ts'
import type { GenesisContents, GenesisNode } from './types.ts'

/**
 * Throws unless every node of a parsed file is registered by its own keys. About 2 ms a node with native code.
 * @throws {LedgerError} `LEDGER_BAD_GENESIS` (`details.nodeIndex`)
 */
export function verifyGenesis(genesis: Pick<GenesisContents, 'chainId' | 'timeMs' | 'nodes'>): void {
  for (const [nodeIndex, node] of genesis.nodes.entries()) {
    const fault = signatureFaultOf(node, genesis.chainId, genesis.timeMs)
    if (fault !== undefined) throw new LedgerError('LEDGER_BAD_GENESIS', `genesis file: nodes[${nodeIndex}]: ${fault}`, { nodeIndex })
  }
}

function signatureFaultOf(node: GenesisNode, chainId: number, genesisTimeMs: number): string | undefined {
  const { owner, nodeKey, bls, pop, nodeSig, noiseRecord, addresses } = node
  if (!isPrimeOrderKey(nodeKey)) return 'nodeKey is no key'
  if (!isBlsPossession(pop, bls)) return 'pop does not prove the BLS key'
  const signed = registrationSigningBytes({ chainId, owner, bls, noiseRecord, addresses, genesisTimeMs })
  if (!isEd25519Signature(nodeSig, signed, nodeKey)) return 'nodeSig is not of this entry'
  return isNoiseRecordSigned(chainId, decodeNoiseRecord(noiseRecord)) ? undefined : 'noiseRecord is not signed'
}
