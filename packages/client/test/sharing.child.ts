/** A process that reads with an access which its parent gave, and tells the parent what it verified. It begins when it is told of what. */
import { createHash } from 'node:crypto'
import { createClient } from '../src/index.ts'
import { type Access, joining } from '../src/sharing.ts'

export interface ChildTask {
  readonly access: Access
  readonly root: Uint8Array
}

process.once('message', (task) => void read(task as ChildTask))

async function read({ access, root }: ChildTask): Promise<void> {
  const client = createClient(joining(access, { report: (report) => void process.send!({ report }) }))
  const download = await client.get(root)
  const hash = createHash('sha256')
  for await (const { bytes } of download) hash.update(bytes)
  await client.close()
  process.send!({ sha256: hash.digest('hex'), receivedBytes: download.receivedBytes })
  process.disconnect()
}
