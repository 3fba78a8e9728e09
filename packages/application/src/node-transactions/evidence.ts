/** Evidence that anybody brings: half of what it takes is the bringer's. */
import { accuse } from '../evidence/accuse.ts'
import type { NodeHandlers } from '../execute/handler.ts'

export const evidenceKinds: NodeHandlers = {
  evidence: {
    who: 'registered',
    run: ({ state, block, emit, node }, { bytes }) => accuse({ state, block, emit }, bytes, node.owner),
  },
}
