/** Where a node sends the clients that it takes no more of (sessions.md §3, GOAWAY 17): other active nodes of the epoch, the best first. */
import type { Application } from '@selvedge/application'
import { isSameBytes } from '@selvedge/ledger-types'
import type { AttachToLedger } from './attachment.ts'

type Nodes = ReturnType<Application['view']>['nodes']

/** What one GOAWAY names. */
const NAMED_MAX = 16

export interface OtherNodes {
  /** Follows the membership of the ledger that this node has joined. */
  readonly attach: AttachToLedger
  /** Indices of at most 16 nodes; none before the ledger's state is here. Where there are more, each call goes on behind the last. */
  list(): readonly number[]
}

/** @param self - Ed25519 key of the node itself, 32 bytes, which names itself to nobody. */
export function createOtherNodes(self: Uint8Array): OtherNodes {
  let epoch: number | undefined
  let indices: readonly number[] = []
  let at = 0
  return {
    attach: (application) => ({
      onBlock() {
        const view = application.view()
        if (view.epoch === epoch) return
        epoch = view.epoch
        indices = othersOf(view.nodes, self)
      },
      onCertificate() {},
      sayAfterBlock: () => [],
      async stop() {},
    }),
    list() {
      if (indices.length <= NAMED_MAX) return indices
      const named = Array.from({ length: NAMED_MAX }, (_, i) => indices[(at + i) % indices.length]!)
      at = (at + NAMED_MAX) % indices.length // a crowd that is sent away is not sent to the same few
      return named
    },
  }
}

/** Indices of the active ones but `self`, the highest score first, and by index where scores are equal. */
export function othersOf(nodes: Nodes, self: Uint8Array): readonly number[] {
  return nodes
    .filter(({ state, nodeKey }) => state === 'active' && !isSameBytes(nodeKey, self))
    .toSorted((a, b) => b.score - a.score || a.index - b.index)
    .map(({ index }) => index)
}
