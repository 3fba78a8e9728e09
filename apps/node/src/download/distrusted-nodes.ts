/**
 * Which nodes lied to `selvedge get`, from one run to the next: a file for each in the data folder, named by the node's key, that only its owner may read. It
 * is written beside and renamed, so it is there whole or not at all, and of two processes neither takes anything from the other.
 *
 * What stands there is a hint about whom to ask last: what is damaged, too long or no file names nobody, and is removed as what is past is.
 */
import type { DistrustedNode } from '@selvedge/client'
import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeDurably } from '../durable-file.ts'
import { NodeError } from '../errors.ts'
import { READ } from './own-file.ts'

/** As many as a client remembers. */
const NODES_MAX = 1_024
const FILE_BYTES_MAX = 1_024
const NAME = /^([0-9a-f]{64})\.json$/

const folderOf = (data: string): string => join(data, 'distrusted')

/** What earlier runs have found out, who lied last last. Nobody where nothing can be read. @param data - the node's folder */
export async function readDistrusted(data: string, nowMs: number = Date.now()): Promise<readonly DistrustedNode[]> {
  const folder = folderOf(data)
  const names = await readdir(folder).catch(() => []) // there is none, or none that we may read
  const nodes: DistrustedNode[] = []
  for (const name of names) {
    const node = NAME.test(name) ? await nodeIn(folder, name) : undefined
    if (node !== undefined && node.untilMs > nowMs) nodes.push(node)
    else if (NAME.test(name)) await rm(join(folder, name), { force: true }).catch(() => undefined) // the folder is somebody else's
  }
  return nodes.toSorted((a, b) => a.untilMs - b.untilMs).slice(-NODES_MAX)
}

/**
 * Keeps what is not in `known`.
 * @param known - what `readDistrusted` gave
 * @throws {NodeError} `NODE_OUTPUT`
 */
export async function keepDistrusted(data: string, nodes: readonly DistrustedNode[], known: readonly DistrustedNode[]): Promise<void> {
  const before = new Map(known.map(({ nodeKey, untilMs }) => [nodeKey, untilMs]))
  const found = nodes.filter(({ nodeKey, untilMs }) => NAME.test(`${nodeKey}.json`) && before.get(nodeKey) !== untilMs)
  if (found.length === 0) return
  const folder = folderOf(data)
  try {
    await mkdir(folder, { recursive: true })
    for (const node of found) await write(folder, node)
  } catch (cause) {
    throw new NodeError('NODE_OUTPUT', `cannot keep in ${folder} which node lied: ${(cause as Error).message}`, {}, { cause })
  }
}

async function write(folder: string, { nodeKey, finer, untilMs }: DistrustedNode): Promise<void> {
  const part = join(folder, `${randomUUID()}.part`)
  try {
    await writeDurably(part, new TextEncoder().encode(`${JSON.stringify({ nodeKey, finer, untilMs })}\n`))
    await rename(part, join(folder, `${nodeKey}.json`))
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
}

async function nodeIn(folder: string, name: string): Promise<DistrustedNode | undefined> {
  try {
    const file = await open(join(folder, name), READ)
    try {
      const stats = await file.stat()
      if (!stats.isFile() || stats.size > FILE_BYTES_MAX) return undefined
      const { nodeKey, finer, untilMs } = JSON.parse(await file.readFile('utf8')) as Partial<Record<keyof DistrustedNode, unknown>>
      const isOne = `${String(nodeKey)}.json` === name && typeof finer === 'string' && Number.isSafeInteger(untilMs)
      return isOne ? ({ nodeKey, finer, untilMs } as DistrustedNode) : undefined
    } finally {
      await file.close()
    }
  } catch {
    return undefined // whatever it is, nobody is named by it
  }
}
