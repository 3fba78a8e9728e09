/**
 * A whole node in a process of its own, as `selvedge` runs it: store on disk, content service, session server, and books that let clients
 * pay. It holds random content of the given sizes, named by root. A port beside it, of plain TLS, says back what it is told.
 *
 *   paid-node.ts BYTES ...
 */
import { rmSync } from 'node:fs'
import { tuneCollector } from '@selvedge/consensus/collector'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { startNode } from '@selvedge/node'
import { answerParent, processorMs } from '../../../packages/handshake/bench/other-process.ts'
import { CHAIN_ID, createPaidBooks } from '../../../packages/handshake/bench/paid-books.ts'
import { echoOn } from './echo.ts'
import { makeFolder, randomParts } from './random-content.ts'

export interface PaidNodeFacts {
  readonly port: number
  readonly echoPort: number
  readonly nodeKey: readonly number[]
  /** Of the contents, in the order of their sizes. */
  readonly roots: readonly (readonly number[])[]
}

tuneCollector()
const folder = makeFolder()
const identity = createKeyPair()
const { books, acknowledgedBytes, stop } = await createPaidBooks(identity.publicKey)
const node = await startNode(identity, { dataDir: folder, host: '127.0.0.1', port: 0, origins: [], chainId: CHAIN_ID, payments: books })
const roots: number[][] = []
for (const size of process.argv.slice(2)) roots.push([...(await node.store.put(randomParts(Number(size)))).root])
const echoPort = await echoOn(identity)
const facts: PaidNodeFacts = { port: node.port, echoPort, nodeKey: [...node.nodeKey], roots }
answerParent(facts, { processorMs, acknowledgedBytes }, async () => {
  await node.stop()
  await stop()
  rmSync(folder, { recursive: true })
})
