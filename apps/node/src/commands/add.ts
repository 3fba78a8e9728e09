/** `selvedge add`: a file into the store of a running node, or into the store itself where no node has it. */
import { resolve } from 'node:path'
import { formatBytes } from '../cli/format.ts'
import type { Report } from '../cli/report.ts'
import { abortOnSignal } from '../cli/until-signal.ts'
import { addThroughNode } from '../compose/control.ts'
import { addFile, type AddedFile } from '../compose/import-file.ts'
import { pinsPathOf } from '../compose/content-service.ts'
import { openStore } from '../compose/node.ts'
import { NodeError } from '../errors.ts'
import { PinBook } from '../pins/pin-book.ts'

export async function add(report: Report, file: string, { data }: { readonly data: string }): Promise<void> {
  const path = resolve(file)
  const added = await addHere(data, path, abortOnSignal())
  report.result({ file: path, ...added }, `CID   ${added.cid}`, `root  ${added.root}`, `size  ${formatBytes(added.size)}`)
}

async function addHere(data: string, path: string, signal: AbortSignal): Promise<AddedFile> {
  let store: Awaited<ReturnType<typeof openStore>>
  try {
    store = await openStore(data)
  } catch (error) {
    if (error instanceof NodeError && error.code === 'NODE_BUSY') return await addThroughNode(data, path, { signal })
    throw error
  }
  try {
    const pins = await PinBook.open({ folder: pinsPathOf(data), epoch: () => 0n })
    const keep = async (root: Uint8Array, size: number): Promise<boolean> => {
      await pins.keepOwn(root, size)
      return true // nothing leaves a store whose node does not run
    }
    try {
      return await addFile({ store, own: { makeRoom: async () => {}, keep } }, path, signal)
    } finally {
      await pins.stop()
    }
  } finally {
    await store.stop()
  }
}
