/** Appends records of 1 KiB until the system refuses, and says how many were acknowledged before. */
import { ConsensusError } from '../../src/errors.ts'
import { createFileStore } from '../../src/store.node.ts'

const store = createFileStore({ path: process.argv[2] as string })
await store.start()
let acknowledged = 0
const codes: string[] = []
while (codes.length < 2) {
  const round = acknowledged + 1
  try {
    if (codes.length === 0)
      store.epoch(0).append([{ kind: 'certificate', key: `${round}.0`, round, author: 0, bytes: new Uint8Array(1_024).fill(round) }])
    await store.sync()
    acknowledged += 1
  } catch (error) {
    codes.push(error instanceof ConsensusError ? error.code : String(error))
  }
}
await store.stop()
process.stdout.write(JSON.stringify({ acknowledged, codes }))
