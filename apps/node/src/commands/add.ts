/** `selvedge add`: a file into the store of a running node, or into the store itself where no node has it. */
import { Buffer } from 'node:buffer'
import { resolve } from 'node:path'
import { formatBytes } from '../cli/format.ts'
import type { Report } from '../cli/report.ts'
import { addThroughNode, type AddedFile } from '../compose/control.ts'
import { importFileInto } from '../compose/import-file.ts'
import { openStore } from '../compose/node.ts'
import { NodeError } from '../errors.ts'

export async function add(report: Report, file: string, { data }: { readonly data: string }): Promise<void> {
  const path = resolve(file)
  const added = await addHere(data, path)
  report.result({ file: path, ...added }, `CID   ${added.cid}`, `root  ${added.root}`, `size  ${formatBytes(added.size)}`)
}

async function addHere(data: string, path: string): Promise<AddedFile> {
  let store: Awaited<ReturnType<typeof openStore>>
  try {
    store = await openStore(data)
  } catch (error) {
    if (error instanceof NodeError && error.code === 'NODE_BUSY') return await addThroughNode(data, path)
    throw error
  }
  try {
    const { cid, entity } = await importFileInto(store, path)
    return { cid: cid.toString(), root: Buffer.from(entity.root!).toString('hex'), size: entity.size }
  } finally {
    await store.stop()
  }
}
