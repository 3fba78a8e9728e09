// Goal: a node whose files are of a newer version than it knows ends with one line that names file and version, changes nothing, and runs when they are its own again.
import { createLmdbStore } from '@selvedge/application/lmdb'
import { createKeyFile } from '@selvedge/crypto/keyfile'
import { createHash } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { end, live, run, scratchFolder } from './harness.ts'
import { TestNetwork } from './ledger-network.ts'

vi.setConfig({ testTimeout: 120_000 }) // processes are started here, and nothing is said of how long they take

/** `magic 4 · version u32 · check 8`, of version 2. */
function headOf(magic: string): Uint8Array {
  const head = Buffer.concat([Buffer.from(magic), Uint8Array.of(2, 0, 0, 0)])
  return Uint8Array.of(...head, ...createHash('sha256').update(head).digest().subarray(0, 8))
}

test('acknowledgements, lane nonces or a database of a newer version are refused by name and number, and not changed', async () => {
  const folder = await scratchFolder()
  const network = await TestNetwork.create(folder, { pace: 1 })
  const { seeds, host, ports } = network.nodes[0]!
  const data = join(folder, 'data')
  await writeFile(join(folder, 'genesis.json'), network.genesisFile)
  await createKeyFile(join(data, 'node.key'), {}, seeds.node)
  await createKeyFile(join(data, 'bls.key'), {}, seeds.bls)
  const doors = ['--order', `${host}:${ports.order}`, '--sync', `${host}:${ports.sync}`, '--rpc', `127.0.0.1:${ports.rpc}`]
  const args = [
    'ledger',
    'run',
    '--genesis',
    join(folder, 'genesis.json'),
    '--data',
    data,
    '--listen',
    `${host}:${ports.sessions}`,
    ...doors,
  ]
  const refused = async (file: string, code: string): Promise<void> => {
    const before = await readFile(file)
    const ran = await run([...args, '--log-level', 'silent'])
    expect(ran).toMatchObject({ code: 1, stdout: '' })
    expect(ran.stderr).toMatch(new RegExp(`^selvedge: .* is of format 2, and this software knows formats up to 1: .*\\(${code}\\)\\n$`))
    expect(await readFile(file)).toEqual(before)
  }
  for (const [name, magic] of [
    ['acks.log', 'SVAK'],
    ['nonces', 'SVNC'],
  ] as const) {
    const file = join(data, 'payments', 'acks', name)
    await mkdir(join(file, '..'), { recursive: true })
    const own = await readFile(file).catch(() => undefined)
    await writeFile(file, headOf(magic))
    await refused(file, 'DELIVERY_ACKNOWLEDGEMENT_FORMAT')
    await (own === undefined ? rm(file) : writeFile(file, own))
  }
  expect(await end((await live(args)).child)).toBe(0)
  const state = join(data, 'ledger', 'state')
  const store = createLmdbStore(state)
  store.commit([{ space: 0xff, key: new Uint8Array(), value: headOf('SVLG') }])
  await store.close()
  await refused(join(state, 'data.mdb'), 'APPLICATION_FORMAT')
})
