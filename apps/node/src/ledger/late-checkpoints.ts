/** What this node has executed and nobody has a certificate of: its signature may have died with the process that was about to give it. */
import { SNAPSHOT_DELAY_BLOCKS, type Application } from '@selvedge/application'
import { decodeCheckpoint } from '@selvedge/ledger-types'
import type { LateCheckpoint } from './snapshot-keeper.ts'

/** As many as the order keeps signatures of. */
const NEWEST = 128

/** Of the running epoch and the one before, ascending: the newest blocks, and those that others wait for longest. */
export function uncertifiedCheckpoints(application: Application): LateCheckpoint[] {
  const { height: head, epoch, start } = application.lastApplied()
  const oldest = Math.max(application.history.oldest(), head - NEWEST + 1)
  const heights = new Set([start.height, start.height + SNAPSHOT_DELAY_BLOCKS])
  for (let height = oldest; height <= head; height++) heights.add(height)
  return [...heights]
    .toSorted((a, b) => a - b)
    .flatMap((height) => {
      const record = application.history.recordOf(height)
      if (record === undefined || record.isPending || application.certificateOf(height) !== undefined) return []
      const { epoch: of } = decodeCheckpoint(record.checkpoint)
      return of + 1 >= epoch ? [{ epoch: of, height, bytes: record.checkpoint }] : []
    })
}
