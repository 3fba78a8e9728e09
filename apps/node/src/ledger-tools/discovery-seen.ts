/**
 * The newest epoch of a discovery document that a client has seen, by the key that signed it: an older document is a replayed one.
 *
 * An empty file is named for each epoch, so that of two processes the one that saw less takes nothing from the other, and none is ever half written.
 */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { NodeError } from '../errors.ts'

export interface SeenEpochs {
  /** `undefined`: none was seen. */
  readonly newest: number | undefined
  /** @throws {NodeError} `NODE_OUTPUT` */
  keep(epoch: number): Promise<void>
}

/** @param data - the node's folder. @param key - 32 bytes. @throws {NodeError} `NODE_OUTPUT`: what cannot be remembered cannot be held against anybody */
export async function openSeenEpochs(data: string, key: Uint8Array): Promise<SeenEpochs> {
  const folder = join(data, 'discovery', Buffer.from(key).toString('hex'))
  const seen = await saidWith(folder, async () => {
    await mkdir(folder, { recursive: true })
    return (await readdir(folder)).filter((name) => /^\d{1,10}$/.test(name)).map(Number)
  })
  return {
    newest: seen.length === 0 ? undefined : Math.max(...seen),
    async keep(epoch) {
      await saidWith(folder, async () => {
        await writeFile(join(folder, String(epoch)), '')
        for (const older of seen) if (older < epoch) await rm(join(folder, String(older)), { force: true })
      })
    },
  }
}

async function saidWith<T>(folder: string, work: () => Promise<T>): Promise<T> {
  return await work().catch((cause: unknown) => {
    throw new NodeError(
      'NODE_OUTPUT',
      `cannot keep the epoch of the discovery document in ${folder}: ${(cause as Error).message}`,
      {},
      { cause },
    )
  })
}
