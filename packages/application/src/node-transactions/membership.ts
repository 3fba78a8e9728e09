/** Kinds by which a node speaks for itself in the registry: optIn, optOut, setNode, version. */
import { CODES } from '@selvedge/ledger-types'
import { optIn, optOut, pendingOf } from '../calls/nodes.ts'
import { hostAddressesOf, noiseRecordOf } from '../calls/registration.ts'
import type { NodeHandlers } from '../execute/handler.ts'
import { pendingNodes } from '../state/meta-tables.ts'
import { nodes } from '../state/node-tables.ts'

export const membershipKinds: NodeHandlers = {
  optIn: { who: 'registered', run: ({ state, block, nodeIndex, node, emit }) => optIn(state, block, nodeIndex, node, emit) },
  optOut: { who: 'registered', run: ({ state, block, nodeIndex, node, emit }) => optOut(state, block, nodeIndex, node, emit) },
  setNode: {
    who: 'serving',
    /** The key record is renewed without the owner's wallet: once an epoch, and only by one that is good for longer. */
    run({ state, block, nodeIndex, node }, { noiseRecord, addresses }) {
      const pending = pendingOf(state, nodeIndex)
      const before = noiseRecordOf(block.chainId, node.nodeKey, pending.noiseRecord.length === 0 ? node.noiseRecord : pending.noiseRecord)
      const record = noiseRecordOf(block.chainId, node.nodeKey, noiseRecord)
      if (record === undefined || (before !== undefined && record.notAfterEpoch <= before.notAfterEpoch)) return CODES.proof
      if (hostAddressesOf(addresses) === undefined) return CODES.address
      if (pending.byNode) return CODES.state
      state.put(pendingNodes, nodeIndex, { ...pending, noiseRecord, addresses, byNode: true })
      return CODES.ok
    },
  },
  version: {
    who: 'registered',
    run({ state, nodeIndex, node }, { newest }) {
      state.put(nodes, nodeIndex, { ...node, newestVersion: newest })
      return CODES.ok
    },
  },
}
