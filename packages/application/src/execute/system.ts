/** A system transaction in a block: words of a committee member, signed by the header that carried them. They cost nothing. */
import {
  CODES,
  decodeSystemMessage,
  isRefused,
  leafHash,
  recordSystemMessage,
  type LedgerEvent,
  type SystemMessage,
} from '@selvedge/ledger-types'
import { keyTextOf } from '../state/key-text.ts'
import type { BlockRun } from './block-run.ts'
import { runSystemMessage } from './dispatch.ts'

/** What cannot be read, or is of nobody in the committee, leaves no trace. */
export function runSystemTransaction(run: BlockRun, author: number, bytes: Uint8Array): void {
  const { state, block } = run
  const member = block.committee[author]
  const message = decoded(bytes)
  if (member === undefined || message === undefined) {
    run.refuse(author)
    return
  }
  const recorded = recordSystemMessage(block.height, author, bytes)
  const id = leafHash(recorded)
  const name = keyTextOf(id)
  if (run.said.has(name)) {
    run.refuse(author) // said twice in one block: height, author and bytes are the id, and no two receipts have one
    return
  }
  const mark = state.mark()
  const events: LedgerEvent[] = []
  const call = { state, block, author, member, emit: (event: LedgerEvent) => void events.push(event) }
  const code = runSystemMessage(call, message)
  if (code !== CODES.ok) {
    state.rollback(mark)
    events.length = 0
  }
  if (isRefused(code)) {
    run.refuse(author)
    return
  }
  run.said.add(name)
  run.record({ id, bytes: recorded, code, gasUsed: 0, fee: 0n, events })
}

function decoded(bytes: Uint8Array): SystemMessage | undefined {
  try {
    return decodeSystemMessage(bytes)
  } catch {
    return undefined // the decoder throws its own error only
  }
}
