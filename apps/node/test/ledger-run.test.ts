// Goal: `selvedge ledger run` is a node that an operator can live with: files are added to it while it runs, it says what it waits for, it closes all that it
// opened when a port is taken, and it ends when it is told to.
// Method: real processes: a member of a genesis committee by itself, which has its seat at once, and a stranger whose only source is not there.
import { createKeyFile } from '@selvedge/crypto/keyfile'
import { once } from 'node:events'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { readControl } from '../src/compose/control-file.ts'
import { end, live, parseLine, run, sampleBytes, scratchFolder, start } from './harness.ts'
import { freePort, TestNetwork } from './ledger-network.ts'

vi.setConfig({ testTimeout: 120_000 }) // processes are started here, and nothing is said of how long they take

interface Place {
  readonly folder: string
  readonly data: string
  readonly network: TestNetwork
  /** Of `ledger run`, ports and keys of node `index`. */
  argsOf(index: number): Promise<string[]>
}

async function place(): Promise<Place> {
  const folder = await scratchFolder()
  const network = await TestNetwork.create(folder, { pace: 1, strangers: 1 })
  const genesis = join(folder, 'genesis.json')
  await writeFile(genesis, network.genesisFile)
  const data = join(folder, 'data')
  return {
    folder,
    data,
    network,
    async argsOf(index) {
      const { seeds, host, ports } = network.nodes[index]!
      await createKeyFile(join(data, 'node.key'), {}, seeds.node)
      await createKeyFile(join(data, 'bls.key'), {}, seeds.bls)
      const doors = ['--order', `${host}:${ports.order}`, '--sync', `${host}:${ports.sync}`, '--rpc', `127.0.0.1:${ports.rpc}`]
      return ['ledger', 'run', '--genesis', genesis, '--data', data, '--listen', `${host}:${ports.sessions}`, ...doors]
    },
  }
}

test('files are added to a node that runs, and fetched from it by its folder; it stops in order', async () => {
  const { folder, data, argsOf } = await place()
  const { child, first } = await live(await argsOf(0))
  let log = ''
  child.stderr!.on('data', (part: string) => (log += part))
  expect(first).toMatchObject({ phase: 'ordering', address: (await readControl(data))!.address })
  const film = sampleBytes(300_000)
  await writeFile(join(folder, 'film'), film)
  const added = await run(['add', 'film', '--data', data, '--json'], folder)
  expect(added).toMatchObject({ code: 0 })
  const got = await run(['get', String(parseLine(added).cid), '--data', data, '-o', 'again', '--json'], folder)
  expect(got).toMatchObject({ code: 0 })
  expect((await readFile(join(folder, 'again'))).equals(film)).toBe(true)
  expect(await end(child)).toBe(0)
  expect(log).toMatch(/"msg":"stopping"[^]*"msg":"stopped"/)
  expect(await readControl(data)).toBeUndefined()
})

test('a stranger whose sources are not there says what it waits for, and stops while it waits', async () => {
  const { argsOf } = await place()
  const child = start([...(await argsOf(4)), '--source', `127.0.0.1:${await freePort('127.0.0.1')}`])
  const exited = once(child, 'exit')
  const waits = /"reason":"(.*?)".*none to take over yet/
  let log = ''
  let isAsked = false
  child.stderr!.setEncoding('utf8').on('data', (part: string) => {
    log += part
    if (isAsked || !waits.test(log)) return
    isAsked = true
    child.kill('SIGTERM')
  })
  expect(await exited).toEqual([0, null])
  expect(waits.exec(log)?.[1]).toMatch(/^no source (has|is left).*ECONNREFUSED/) // why, and not only that there is none
})

test('a taken port is one line and exit code 1, whichever it is, and the folder is free again', async () => {
  const { argsOf, network } = await place()
  const args = await argsOf(0)
  const { host, ports } = network.nodes[0]!
  const doors = [
    [host, ports.sessions],
    [host, ports.sync],
    ['127.0.0.1', ports.rpc],
    [host, ports.order],
  ] as const
  for (const [address, port] of doors) {
    const taken = createServer().listen(port, address)
    onTestFinished(() => void taken.close())
    await once(taken, 'listening')
    const ran = await run([...args, '--log-level', 'silent'])
    expect(ran).toMatchObject({ code: 1, stdout: '' })
    expect(ran.stderr).toMatch(new RegExp(`^selvedge: .*${port}.*\\n$`))
    await new Promise((resolve) => taken.close(resolve))
  }
  const { child } = await live(args)
  expect(await end(child)).toBe(0)
})

test('a restore that forgot bls.key is said, instead of a node whose signatures count for nothing', async () => {
  const { data, argsOf, network } = await place()
  const args = await argsOf(0)
  await rm(join(data, 'bls.key'))
  const ran = await run([...args, '--log-level', 'silent', '--json'])
  expect(ran).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^selvedge: node 0 is registered with another BLS key .*put the right file back\n$/),
  })
  await rm(join(data, 'bls.key'))
  await createKeyFile(join(data, 'bls.key'), {}, network.nodes[0]!.seeds.bls)
  const { child } = await live(args)
  expect(await end(child)).toBe(0)
})

test("another network's genesis file is wrong use, and nothing of the folder changes", async () => {
  const { folder, argsOf } = await place()
  const args = await argsOf(0)
  expect(await end((await live(args)).child)).toBe(0)
  const other = await TestNetwork.create(join(folder, 'other'), { pace: 1 })
  await writeFile(join(folder, 'other.json'), other.genesisFile)
  const ran = await run([...args, '--genesis', join(folder, 'other.json'), '--log-level', 'silent'])
  expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining('ledger holds the ledger of another network') as string })
  expect(await end((await live(args)).child)).toBe(0)
})
