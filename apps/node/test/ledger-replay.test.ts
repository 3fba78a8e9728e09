// Goal: `selvedge ledger replay` as people call it: exit code 0 for an archive that is whole, 1 with the height where it is not; and
// `selvedge ledger restart` makes the same bytes twice and takes no others.
import { createApplication, createMemoryStore, SPACES } from '@selvedge/application'
import { createLmdbStore, type LmdbStore } from '@selvedge/application/lmdb'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { evidenceRules } from '../src/ledger/evidence-rules.ts'
import { ask } from '../src/ledger-devnet/rpc-client.ts'
import { openArchive } from '../src/ledger-tools/archive-source.ts'
import { readPin } from '../src/ledger-tools/pin-file.ts'
import { replayLedger } from '../src/ledger-tools/replay-ledger.ts'
import { end, live, parseLine, run, scratchFolder } from './harness.ts'
import { EPOCHS, makeArchive, makeGenesis } from './ledger-archive.ts'
import { cli } from './ledger-cli.ts'
import { freePort } from './ledger-network.ts'

vi.setConfig({ testTimeout: 240_000 }) // epochs and processes, on a machine that may be busy with others

const BLOCKS = 5
const RPC_HOST = '127.0.0.2'

async function blockNumberOf(port: number): Promise<number> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_blockNumber', params: [] })
  const response = await fetch(`http://${RPC_HOST}:${port}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  return Number(((await response.json()) as { result: string }).result)
}

test('an archive that is whole is replayed from its folder and from its files; the first damage is said with its height', async () => {
  const { folder, genesis, genesisFile, files, head } = await makeArchive(await scratchFolder())
  const [fromFolder, fromFiles] = await Promise.all([
    run(['ledger', 'replay', folder, '--genesis', genesisFile, '--json']),
    run(['ledger', 'replay', ...files.toReversed(), '--genesis', genesisFile, '--json']),
  ])
  expect(fromFolder.code).toBe(0)
  expect(parseLine(fromFolder)).toMatchObject({ ok: true, ...head, epoch: EPOCHS, blocks: head.height, certified: head.height })
  expect(parseLine(fromFiles)).toMatchObject({ ok: true, ...head, blocks: head.height, certified: head.height })

  const ending = new AbortController()
  const archive = await openArchive(files, genesis)
  const onBlock = (height: number): void => void (height === 10 && ending.abort(new Error('ended by SIGINT')))
  const broken = replayLedger(genesis, archive.blocks(), createMemoryStore(), { signal: ending.signal, onBlock })
  await expect(broken).rejects.toThrow('ended by SIGINT')
  await archive.close()

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

test('a ledger of one runs as a process, ends when it is asked to, and what it left is replayed', async () => {
  const folder = await scratchFolder()
  const { genesisFile, seeds } = await makeGenesis(folder)
  const data = join(folder, 'data')
  await mkdir(data)
  for (const [name, seed] of [
    ['node.key', seeds.node],
    ['bls.key', seeds.bls],
  ] as const) {
    await writeFile(join(data, name), `${Buffer.from(seed).toString('hex')}\n`, { mode: 0o600 })
  }
  const rpc = await freePort(RPC_HOST)
  const doors = ['--listen', '--order', '--sync'].flatMap((name) => [name, '127.0.0.1:0'])
  const { child, first } = await live([
    'ledger',
    'run',
    '--genesis',
    genesisFile,
    '--data',
    data,
    '--archive',
    ...doors,
    '--rpc',
    `${RPC_HOST}:${rpc}`,
  ])
  expect(first).toMatchObject({ phase: 'ordering' })
  await expect(ask(rpc, 'eth_blockNumber')).rejects.toThrow('fetch failed') // of another host than the one that was named
  while ((await blockNumberOf(rpc)) < BLOCKS) await sleep(20)
  expect(await end(child)).toBe(0)
  const replayed = await run(['ledger', 'replay', join(data, 'ledger'), '--genesis', genesisFile, '--json'])
  expect(parseLine(replayed)).toMatchObject({ ok: true })
  expect(parseLine(replayed).blocks).toBeGreaterThanOrEqual(BLOCKS)
})

test('a restart state is the same bytes each time, and no node begins from others', async () => {
  const { folder, genesis, genesisFile, head } = await makeArchive(await scratchFolder())
  const at = (name: string): string => join(folder, '..', name)
  const prepare = ['ledger', 'restart', 'prepare', folder, '--genesis', genesisFile, '--json'] as const
  const first = await cli(...prepare, '-o', at('a'), '--height', String(head.height), '--pin', at('pin-a'))
  const second = await cli(...prepare, '-o', at('b'), '--pin', at('pin-b'))
  const { root, epoch, height, seats, pinHash } = JSON.parse(first.stdout) as Record<string, unknown>
  expect({ epoch, height, seats }).toEqual({ epoch: EPOCHS + 1, height: head.height + 1, seats: [0] })
  expect(JSON.parse(second.stdout)).toMatchObject({ root })
  expect(await readFile(at('a'))).toEqual(await readFile(at('b')))
  expect(await readFile(at('pin-a'))).toEqual(await readFile(at('pin-b')))
  expect(await readPin(at('pin-a'), genesis, String(pinHash))).toMatchObject({ epoch, start: { height } })

  const apply = (file: string, data: string): ReturnType<typeof cli> =>
    cli('ledger', 'restart', 'apply', file, '--genesis', genesisFile, '--root', String(root), '--data', data, '--json')
  expect(JSON.parse((await apply(at('a'), at('new'))).stdout)).toMatchObject({ ok: true, height })
  const store = createLmdbStore(join(at('new'), 'state'))
  expect(createApplication({ store, evidenceRules }, { genesis }).lastApplied()).toMatchObject({ height, epoch })
  await store.close()
  expect(await apply(at('a'), at('new'))).toMatchObject({ code: 1, stderr: expect.stringContaining('is there already') })
  const bytes = await readFile(at('a'))
  bytes[bytes.length - 1]! ^= 1
  await writeFile(at('b'), bytes)
  expect((await apply(at('b'), at('wrong'))).code).toBeGreaterThan(0)
  expect(existsSync(join(at('wrong'), 'state'))).toBe(false)

  const pin = await readFile(at('pin-a'), 'utf8')
  const otherGenesis = at('other.json')
  await writeFile(otherGenesis, `${await readFile(genesisFile, 'utf8')}\n`) // its hash is another
  await writeFile(at('pin-b'), pin.replace('"epoch"', '"epochs"'))
  const pins: readonly (readonly [readonly string[], RegExp])[] = [
    [['--genesis', genesisFile, '--pin', at('pin-a'), '--pin-hash', '11'.repeat(32)], /has hash [0-9a-f]{64}, not 1111/],
    [['--genesis', genesisFile, '--pin', at('pin-b')], /is no pin of/],
    [['--genesis', genesisFile, '--pin', at('nothing')], /cannot be read/],
    [['--genesis', otherGenesis, '--pin', at('pin-a')], /is a pin of another network/],
  ]
  for (const [args, words] of pins) {
    expect(await cli('ledger', 'run', '--data', at('unused'), ...args)).toMatchObject({ code: 2, stderr: expect.stringMatching(words) })
  }

  const pinned = ['ledger', 'run', '--genesis', genesisFile, '--pin', at('pin-a'), '--listen', '127.0.0.1:0', '--data', at('unused')]
  expect(await run([...pinned, '--log-level', 'silent'])).toMatchObject({ code: 2, stderr: expect.stringContaining('name a source') })

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
