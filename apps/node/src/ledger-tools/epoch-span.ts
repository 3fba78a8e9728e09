/** Which blocks an epoch has, from the history: heights and epochs rise together, so halving finds them. */
import type { Application } from '@selvedge/application'
import { decodeCheckpoint } from '@selvedge/ledger-types'

export interface EpochSpan {
  readonly first: number
  readonly last: number
}

/** @returns `undefined` while the epoch runs, and where its first block is no longer kept. */
export function epochSpanOf(application: Application, epoch: number): EpochSpan | undefined {
  const { history } = application
  const { epoch: running } = application.lastApplied()
  if (epoch >= running) return undefined
  const oldest = history.oldest()
  const first = lowestFrom(application, epoch)
  const next = lowestFrom(application, epoch + 1)
  if (first === next || (first === oldest && oldest > 1)) return undefined // begun before what is kept
  return { first, last: next - 1 }
}

/** The lowest kept height whose epoch is `epoch` or later; one above the head where none is. */
function lowestFrom(application: Application, epoch: number): number {
  const { history } = application
  let [low, high] = [history.oldest(), application.lastApplied().height + 1]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const record = history.recordOf(middle)
    if (record !== undefined && decodeCheckpoint(record.checkpoint).epoch >= epoch) high = middle
    else low = middle + 1
  }
  return low
}
