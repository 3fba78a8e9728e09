/**
 * A node of iroh in a process of its own, which holds random blobs of the given sizes in its persistent store.
 *
 *   iroh-node.ts BYTES ...
 */
import { rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import iroh from '@number0/iroh'
import { answerParent } from '../../../packages/handshake/bench/other-process.ts'
import { makeFolder, randomParts } from './random-content.ts'

export interface IrohNodeFacts {
  readonly nodeId: string
  readonly addresses: readonly string[]
  /** Of the blobs, in the order of their sizes. */
  readonly hashes: readonly string[]
}

const { Iroh, SetTagOption } = iroh
const folder = makeFolder()
const node = await Iroh.persistent(join(folder, 'store'), { ipv4Addr: '127.0.0.1:0', nodeDiscovery: 'None' as never })

const added = (path: string): Promise<string> =>
  new Promise((resolve, reject) => {
    node.blobs
      .addFromPath(path, false, SetTagOption.auto(), { wrap: false }, (error, progress) => {
        if (error) reject(error)
        else if (progress?.allDone) resolve(progress.allDone.hash)
      })
      .catch(reject)
  })

const hashes: string[] = []
for (const size of process.argv.slice(2)) {
  const path = join(folder, 'file')
  await writeFile(path, randomParts(Number(size)))
  hashes.push(await added(path))
}
const { addr, listenAddrs } = await node.node.status()
const facts: IrohNodeFacts = { nodeId: addr.nodeId, addresses: listenAddrs, hashes }
answerParent(facts, {}, async () => {
  await node.node.shutdown()
  rmSync(folder, { recursive: true })
})
