/**
 * Holds the BLS key of a node's folder against the registry. A `bls.key` that is missing is made anew, as at a first start; after a restore that forgot it
 * the node would order with nothing amiss to be seen, and not one of its signatures under checkpoints would count.
 */
import { nodeKeys, nodes } from '@selvedge/application'
import { sha256 } from '@selvedge/crypto/sha256'
import { isSameBytes } from '@selvedge/ledger-types'
import { NodeError } from '../errors.ts'
import type { AttachToLedger } from './attachment.ts'

export interface WatchedKeys {
  /** 32 bytes. */
  readonly nodeKey: Uint8Array
  /** 48 bytes. */
  readonly bls: Uint8Array
}

/** @param end - hears `NODE_KEY_FILE`, once, when the registry has another BLS key for this node. It may never be registered: then nothing is wrong. */
export function createKeyWatch({ nodeKey, bls }: WatchedKeys, end: (error: NodeError) => void): AttachToLedger {
  const keyHash = sha256(nodeKey)
  return (application) => {
    let isKnown = false
    return {
      onBlock() {
        const nodeIndex = isKnown ? undefined : application.state.get(nodeKeys, keyHash)
        const row = nodeIndex === undefined ? undefined : application.state.get(nodes, nodeIndex)
        if (row === undefined) return
        isKnown = true // a registered key stays as it is
        if (isSameBytes(row.bls, bls)) return
        const message = `node ${nodeIndex} is registered with another BLS key than that of bls.key: put the right file back`
        end(new NodeError('NODE_KEY_FILE', message, { nodeIndex: nodeIndex! }))
      },
      onCertificate() {},
      sayAfterBlock: () => [],
      async stop() {},
    }
  }
}
