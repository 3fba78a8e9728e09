/** Each lie asked for by its CID through a node of its own; what the client got and what the store kept, held against the truth. */
import { ClientError, createClient, type Client } from '@selvedge/client'
import type { CID } from 'multiformats/cid'
import { Buffer } from 'node:buffer'
import { open, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openStore } from '../compose/node.ts'
import { createFileDag } from '../dag/file-dag.ts'
import { startLiar } from './liar.ts'
import { blocksOf, LIES, type CarBlock } from './lies.ts'
import { startNodeProcess } from './processes.ts'

export interface Refusal {
  readonly lie: string
  /** What refused it; empty where nothing did. */
  readonly code: string
  readonly expected: string
  /** Verified bytes that came before the lie. */
  readonly trueBytes: number
  /** Bytes handed out that are not the file's. */
  readonly wrongBytes: number
  /** Whether the store kept something under the CID. */
  readonly isKept: boolean
}

interface Told {
  readonly cid: CID
  readonly truth: Uint8Array
}

/** Two levels of 4 KiB leaves: small, and with interior nodes. */
const FILE_BYTES = 800_000
const LEAF_BYTES = 4096

export interface MisledNode {
  /** Asks for every lie, ends the node, and looks at what it kept. Once. */
  refuse(): Promise<Refusal[]>
}

/**
 * An origin of lies, and a node of its own that believes in nothing else: started while there is nothing better to do.
 * @param source - a real file; parts of it are what is lied about.
 */
export async function startMisledNode(source: string, scratch: string): Promise<MisledNode> {
  const { told, liar } = await startLies(source, scratch)
  const data = join(scratch, 'misled-node')
  const node = await startNodeProcess(data, liar.urls)
  return {
    async refuse() {
      const client = createClient({ nodes: [node.address] })
      const outcomes: Omit<Refusal, 'isKept'>[] = []
      try {
        for (const [place, { lie, code }] of LIES.entries()) outcomes.push({ lie, expected: code, ...(await ask(client, told[place]!)) })
      } finally {
        await client.close()
        await node.stop()
        await liar.stop()
      }
      return await withKept(outcomes, told, data)
    },
  }
}

async function startLies(source: string, scratch: string): Promise<{ told: Told[]; liar: Awaited<ReturnType<typeof startLiar>> }> {
  const dag = createFileDag()
  const folder = join(scratch, 'lied-about')
  await mkdir(folder, { recursive: true })
  const goods: { truth: Uint8Array; blocks: CarBlock[] }[] = []
  for (let i = 0; i < LIES.length; i++) {
    const truth = await readPart(source, i)
    const file = join(folder, `file-${i}`)
    await writeFile(file, truth)
    const cid = await dag.build([{ path: `file-${i}`, file, size: truth.length }], { wrap: false, leafBytes: LEAF_BYTES })
    goods.push({ truth, blocks: await blocksOf(cid, dag.blocks) })
  }
  const lies = LIES.map(({ tell, rootOf = (root) => root }, i) => {
    const { blocks } = goods[i]!
    return { cid: rootOf(blocks[0]!).cid, answer: tell(blocks, goods[(i + 1) % goods.length]!.blocks) }
  })
  return { told: lies.map(({ cid }, i) => ({ cid, truth: goods[i]!.truth })), liar: await startLiar(lies) }
}

/** Parts of `source` that differ in each byte's neighbourhood: a number in front makes two equal parts two files. */
async function readPart(source: string, place: number): Promise<Uint8Array> {
  const file = await open(source)
  try {
    const bytes = Buffer.alloc(FILE_BYTES)
    const { size } = await file.stat()
    await file.read(bytes, 0, FILE_BYTES, Math.max(0, Math.min(size - FILE_BYTES, place * FILE_BYTES)))
    for (let leaf = 0; leaf < FILE_BYTES; leaf += LEAF_BYTES) bytes.writeUInt32LE(leaf + place, leaf) // no two leaves alike
    return bytes
  } finally {
    await file.close()
  }
}

async function ask(client: Client, { cid, truth }: Told): Promise<Pick<Refusal, 'code' | 'trueBytes' | 'wrongBytes'>> {
  let trueBytes = 0
  let wrongBytes = 0
  try {
    for await (const { offset, bytes } of await client.get(cid)) {
      const isTrue = Buffer.compare(bytes, truth.subarray(offset, offset + bytes.length)) === 0
      if (isTrue) trueBytes += bytes.length
      else wrongBytes += bytes.length
    }
    return { code: '', trueBytes, wrongBytes }
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    return { code: String(error.details.finer ?? error.code), trueBytes, wrongBytes }
  }
}

async function withKept(outcomes: readonly Omit<Refusal, 'isKept'>[], told: readonly Told[], data: string): Promise<Refusal[]> {
  const store = await openStore(data)
  try {
    const blobs = await Array.fromAsync(store.list())
    const kept = await Promise.all(
      told.map(async ({ cid }) => (await store.entity(cid)) !== undefined || (await store.getBlock(cid)) !== undefined),
    )
    return outcomes.map((outcome, i) => ({ ...outcome, isKept: kept[i]! || blobs.length > 0 }))
  } finally {
    await store.stop()
  }
}
