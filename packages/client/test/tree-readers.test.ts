/** What those who read a tree may do with an entry and its content: nothing of it makes the tree end early without a word, or leaves an entry out. */
import { expect, onTestFinished, test } from 'vitest'
import { createClient } from '../src/index.ts'
import { MemoryContent, sampleBytes, saying, serving, startNode, type TestNode } from './node.ts'
import { writeCar } from '@selvedge/verified-car'
import type { OpenedEntity } from '@selvedge/content'
import type { CID } from 'multiformats/cid'

const LARGE = { a: sampleBytes(9_000, 1), b: sampleBytes(9_000, 2) }
const SMALL = { a: sampleBytes(100, 1), b: sampleBytes(200, 2), c: sampleBytes(300, 3), d: sampleBytes(400, 4) }

async function setting(
  files: Readonly<Record<string, Uint8Array>>,
  answer: (content: MemoryContent, cid: CID) => Promise<TestNode>,
): Promise<{
  readonly tree: () => AsyncIterable<{ readonly path: string; readonly content: AsyncIterable<Uint8Array> }>
}> {
  const content = new MemoryContent()
  const cid = await content.add(files, 1_024)
  const client = createClient({ nodes: [await answer(content, cid)] })
  onTestFinished(() => client.close())
  return { tree: () => client.getTree(cid) }
}

test('who goes on after the content of an entry has failed is told again: a tree that was cut never ends as if it were whole', async () => {
  const { tree } = await setting(LARGE, async (content, cid) => {
    const { blocks } = (await content.openCid(cid)) as OpenedEntity
    const sections: Uint8Array[] = []
    for await (const part of writeCar(cid, blocks, { header: false, scope: 'all' })) sections.push(part.slice())
    return await startNode(saying({ mode: 'car' }, sections.slice(0, 8)))
  })
  const failed: string[] = []
  const reading = (async () => {
    for await (const { path, content } of tree()) {
      try {
        for await (const _ of content);
      } catch {
        failed.push(path)
      }
    }
  })()
  await expect(reading).rejects.toMatchObject({ code: 'CLIENT_INTERRUPTED' })
  expect(failed).toEqual(['a'])
})

test('bytes of an entry that were asked for and not waited for leave no other entry out', async () => {
  const { tree } = await setting(SMALL, (content) => startNode(serving(content)))
  const paths: string[] = []
  const asked: Promise<unknown>[] = []
  for await (const { path, content } of tree()) {
    paths.push(path)
    const iterator = content[Symbol.asyncIterator]()
    await iterator.next()
    asked.push(iterator.next().catch(() => undefined)) // what comes next is another entry
  }
  await Promise.all(asked)
  expect(paths).toEqual(['', 'a', 'b', 'c', 'd'])
})
