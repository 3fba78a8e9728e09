// Goal: `selvedge ledger replay` as people call it: exit code 0 for an archive that is whole, 1 with the height where it is not; and
// `selvedge ledger restart` makes the same bytes twice and takes no others.
import { SPACES } from '@selvedge/application'
import { createLmdbStore, type LmdbStore } from '@selvedge/application/lmdb'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseLine, run, scratchFolder } from './harness.ts'
import { EPOCHS, makeArchive } from './ledger-archive.ts'
import { cli } from './ledger-cli.ts'

test('an archive that is whole is replayed from its folder and from its files; the first damage is said with its height', async () => {
  const { folder, genesisFile, files, head } = await makeArchive(await scratchFolder())
  const [fromFolder, fromFiles] = await Promise.all([
    run(['ledger', 'replay', folder, '--genesis', genesisFile, '--json']),
    run(['ledger', 'replay', ...files.toReversed(), '--genesis', genesisFile, '--json']),
  ])
  expect(fromFolder.code).toBe(0)
  expect(parseLine(fromFolder)).toMatchObject({ ok: true, ...head, epoch: EPOCHS, blocks: head.height, certified: head.height })
  expect(parseLine(fromFiles)).toMatchObject({ ok: true, ...head, blocks: head.height, certified: head.height })

  const store = createLmdbStore(join(folder, 'state'))
  damage(store, 20)
  await store.close()
  const [damaged, incomplete, nothing] = await Promise.all([
    run(['ledger', 'replay', folder, '--genesis', genesisFile]),
    run(['ledger', 'replay', files[1]!, '--genesis', genesisFile]),
    run(['ledger', 'replay', join(folder, '..'), '--genesis', genesisFile]),
  ])
  expect(damaged.code).toBe(1)
  expect(damaged.stdout).toMatch(/DIFFERENCE at block 20, epoch 0: archive/)
  expect(incomplete).toMatchObject({ code: 2, stderr: expect.stringContaining('the file of epoch 0 is missing') })
  expect(nothing).toMatchObject({ code: 2, stderr: expect.stringContaining('is no ledger') })
})

test('a restart state is the same bytes each time, and no node begins from others', async () => {
  const { folder, genesisFile, head } = await makeArchive(await scratchFolder())
  const at = (name: string): string => join(folder, '..', name)
  const prepare = ['ledger', 'restart', 'prepare', folder, '--genesis', genesisFile, '--json'] as const
  const first = await cli(...prepare, '-o', at('a'), '--height', String(head.height))
  const second = await cli(...prepare, '-o', at('b'))
  const { root, epoch, height, seats } = JSON.parse(first.stdout) as Record<string, unknown>
  expect({ epoch, height, seats }).toEqual({ epoch: EPOCHS + 1, height: head.height + 1, seats: [0] })
  expect(JSON.parse(second.stdout)).toMatchObject({ root })
  expect(await readFile(at('a'))).toEqual(await readFile(at('b')))

  const apply = (file: string, data: string): ReturnType<typeof cli> =>
    cli('ledger', 'restart', 'apply', file, '--genesis', genesisFile, '--root', String(root), '--data', data, '--json')
  expect(JSON.parse((await apply(at('a'), at('new'))).stdout)).toMatchObject({ ok: true, height })
  expect(await apply(at('a'), at('new'))).toMatchObject({ code: 1, stderr: expect.stringContaining('is there already') })
  const bytes = await readFile(at('a'))
  bytes[bytes.length - 1]! ^= 1
  await writeFile(at('b'), bytes)
  expect((await apply(at('b'), at('wrong'))).code).toBeGreaterThan(0)
  expect(existsSync(join(at('wrong'), 'state'))).toBe(false)

  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [['--height', String(head.height - 1)], /stands at block \d+, not/],
    [['--gone', '0'], /nobody would be left/],
    [['--gone', '7'], /no node has index 7/],
  ]
  for (const [args, words] of wrong) {
    expect(await cli(...prepare, '-o', at('c'), ...args)).toMatchObject({ code: 2, stderr: expect.stringMatching(words) })
  }
})

/** One bit of the transactions that are kept of a block. */
function damage(store: LmdbStore, height: number): void {
  const key = new Uint8Array(8)
  new DataView(key.buffer).setBigUint64(0, BigInt(height))
  const bytes = store.get(SPACES.bodies, key)!.slice()
  bytes[bytes.length - 1]! ^= 1
  store.commit([{ space: SPACES.bodies, key, value: bytes }])
}
