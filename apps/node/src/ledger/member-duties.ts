/**
 * What a member of the committee says of its own accord, as system transactions in its proposals: its part of the beacon, and that the
 * epoch may close. It looks at the state after each block, so a member that comes back goes on where it was.
 *
 * The secret of the beacon is derived from the node's seed, so that a member that dies between commit and reveal still knows it.
 */
import { committees, epochRow, readyRow, roundRow, type Application, type EpochRow } from '@selvedge/application'
import { encodeSystemTransaction } from '@selvedge/consensus'
import { sha256 } from '@selvedge/crypto/sha256'
import { beaconCommitment, isSameBytes } from '@selvedge/ledger-types'
import { hkdfSync } from 'node:crypto'

/** Blocks until something that is not in the state yet is said again. */
const AGAIN_BLOCKS = 40
const COMMIT_PERCENT = 20
const BEACON_PERCENT = 30

export interface MemberDuties {
  /** To be called after each block. */
  sayAfterBlock(): readonly Uint8Array[]
}

export function createMemberDuties(
  application: Application,
  node: { readonly publicKey: Uint8Array; readonly seed: Uint8Array },
): MemberDuties {
  const saidAt = new Map<string, number>()

  function once(what: string, height: number, say: () => Uint8Array): Uint8Array[] {
    const last = saidAt.get(what)
    if (last !== undefined && height - last < AGAIN_BLOCKS) return []
    if (saidAt.size > 16) saidAt.clear() // words about epochs that are over
    saidAt.set(what, height)
    return [say()]
  }

  return {
    sayAfterBlock() {
      const { epoch, height, timestampMs } = application.lastApplied()
      const { chainId, genesisHash } = application.view()
      // Not by the view's nodes: a committee that stays for want of candidates has members that are Idle, and they are not among them.
      const members = application.state.get(committees, epoch) ?? []
      const author = members.findIndex(({ nodeKey }) => isSameBytes(nodeKey, node.publicKey))
      if (author < 0) return []
      const { startMs, endMs } = application.state.get(epochRow, null) as EpochRow
      const at = (percent: number): number => startMs + Math.floor(((endMs - startMs) * percent) / 100)
      const secret = (): Uint8Array => sha256(new Uint8Array(hkdfSync('sha256', node.seed, genesisHash, `selvedge beacon ${epoch}`, 32)))
      const { commits, reveals } = application.state.get(roundRow, null) ?? { commits: [], reveals: [] }
      const hasCommitted = commits.some((commit) => commit.author === author)
      const said: Uint8Array[] = []
      if (!hasCommitted && timestampMs < at(COMMIT_PERCENT)) {
        const digest = (): Uint8Array => beaconCommitment(chainId, epoch, author, secret())
        said.push(...once(`commit ${epoch}`, height, () => encodeSystemTransaction({ kind: 'beaconCommit', commitment: digest() })))
      }
      const isRevealing = timestampMs >= at(COMMIT_PERCENT) && timestampMs < at(BEACON_PERCENT)
      if (hasCommitted && isRevealing && !reveals.some((reveal) => reveal.author === author)) {
        said.push(...once(`reveal ${epoch}`, height, () => encodeSystemTransaction({ kind: 'beaconReveal', secret: secret() })))
      }
      if (timestampMs >= endMs && application.state.get(readyRow, null)?.includes(author) !== true) {
        said.push(...once(`ready ${epoch}`, height, () => encodeSystemTransaction({ kind: 'readyToClose', epoch })))
      }
      return said
    },
  }
}
