import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { end, live, parseLine, run, runRaw, sampleBytes, scratchFolder } from './harness.ts'

vi.setConfig({ testTimeout: 600_000 }) // processes are started here, and nothing is said of how long they take

const BIG = sampleBytes(3_000_001)

async function sampleSite(folder: string): Promise<void> {
  await mkdir(join(folder, 'site/deep/er'), { recursive: true })
  await writeFile(join(folder, 'site/big.bin'), BIG)
  await writeFile(join(folder, 'site/empty'), '')
  await writeFile(join(folder, 'site/deep/a b.txt'), 'spaces\n')
  await writeFile(join(folder, 'site/deep/er/ünï.txt'), 'names\n')
  await symlink('/etc/passwd', join(folder, 'site/link'))
}

// One test, because the processes are the cost: an origin, a node, and every way to ask it.
test('a folder goes from an origin through a node to a client, verified', { timeout: 600_000 }, async () => {
  const folder = await scratchFolder()
  await sampleSite(folder)
  const origin = await live(['origin', 'site', '--listen', '127.0.0.1:0'], folder)
  expect(origin.first).toMatchObject({ files: 4, bytes: BIG.length + 13 })
  const { url, cid } = origin.first as { url: string; cid: string }
  const node = await live(['run', '--data', 'data', '--listen', '127.0.0.1:0', '--origin', url], folder)
  const { address, nodeKey } = node.first as { address: string; nodeKey: string }
  expect(address).toMatch(new RegExp(`^selvedge://127.0.0.1:\\d+/${nodeKey}$`))
  expect((await stat(join(folder, 'data/node.key'))).mode & 0o777).toBe(0o600)

  // A directory with everything below it, named by the node that runs on the data folder.
  const tree = parseLine(await run(['get', cid, '-o', 'out', '--data', 'data', '--json'], folder))
  expect(tree).toMatchObject({ kind: 'directory', files: 4, bytes: BIG.length + 13, verification: 'cid', skipped: [] })
  expect(await readFile(join(folder, 'out/big.bin'))).toEqual(BIG)
  expect(await readFile(join(folder, 'out/empty'), 'utf8')).toBe('')
  expect(await readFile(join(folder, 'out/deep/a b.txt'), 'utf8')).toBe('spaces\n')
  expect(await readFile(join(folder, 'out/deep/er/ünï.txt'), 'utf8')).toBe('names\n')
  await expect(stat(join(folder, 'out/link'))).rejects.toThrow('ENOENT') // links are not followed

  // Its entries.
  const list = (await run(['get', cid, '--node', address], folder)).stdout.trim().split('\n')
  expect(list.map((line) => line.split('\t')[2])).toEqual(['big.bin', 'deep', 'empty'])
  const file = list[0]!.split('\t')[0]!

  // A file that the node has by now, to stdout, whole and in part.
  expect((await runRaw(['get', file, '--node', address], folder)).stdout).toEqual(BIG)
  expect((await runRaw(['get', file, '--range', '1000000-1000999', '--node', address], folder)).stdout).toEqual(
    BIG.subarray(1_000_000, 1_001_000),
  )
  expect((await runRaw(['get', file, '--range', '2999990-', '--node', address], folder)).stdout).toEqual(BIG.subarray(2_999_990))
  const ranged = parseLine(await run(['get', file, '--range', '0-9', '-o', 'ten', '--node', address, '--json'], folder))
  expect(ranged).toMatchObject({ bytes: 10, mode: 'proof', verification: 'cid', node: address })

  // A file added to the running node; asked for by CID and by root.
  await writeFile(join(folder, 'more.bin'), sampleBytes(700_000, 7))
  const added = parseLine(await run(['add', 'more.bin', '--data', 'data', '--json'], folder)) as { cid: string; root: string }
  const byRoot = parseLine(await run(['get', added.root, '-o', 'more.root', '--node', address, '--json'], folder))
  expect(byRoot).toMatchObject({ bytes: 700_000, mode: 'blake3', verification: 'blake3' })
  const byCid = parseLine(await run(['get', added.cid, '-o', 'more.cid', '--node', address, '--json'], folder))
  expect(byCid).toMatchObject({ kind: 'file', bytes: 700_000 })
  for (const name of ['more.root', 'more.cid']) expect(await readFile(join(folder, name))).toEqual(sampleBytes(700_000, 7))

  // Asked to stop it stops, and with the origin gone a new one on the same folder has the same key and all that was fetched.
  expect(await end(node.child)).toBe(0)
  expect(await end(origin.child, 'SIGINT')).toBe(0)
  const second = await live(['run', '--data', 'data', '--listen', '127.0.0.1:0'], folder)
  expect(second.first.nodeKey).toBe(nodeKey)
  expect((await runRaw(['get', file, '--node', second.first.address as string], folder)).stdout).toEqual(BIG)
  const absent = await run(
    ['get', 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy', '--node', second.first.address as string],
    folder,
  )
  expect(absent).toMatchObject({ code: 1, stdout: '' })
  expect(absent.stderr).toMatch(/CLIENT_NOT_FOUND/)
  expect(await end(second.child)).toBe(0)
})

test('a key that others may read is refused', async () => {
  const folder = await scratchFolder()
  await mkdir(join(folder, 'data'))
  await writeFile(join(folder, 'data/node.key'), `${'11'.repeat(32)}\n`, { mode: 0o644 })
  const ran = await run(['run', '--data', 'data', '--listen', '127.0.0.1:0'], folder)
  expect(ran).toMatchObject({ code: 1, stdout: '' })
  expect(ran.stderr).toMatch(/may be read by others \(mode 644\)/)
})

test('two nodes do not share a folder', async () => {
  const folder = await scratchFolder()
  const { child } = await live(['run', '--data', 'data', '--listen', '127.0.0.1:0'], folder)
  const second = await run(['run', '--data', 'data', '--listen', '127.0.0.1:0'], folder)
  expect(second.code).toBe(1)
  expect(second.stderr).toMatch(/data is in use/)
  expect(await end(child)).toBe(0)
})
