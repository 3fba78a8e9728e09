import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LedgerNode } from '../src/ledger/ledger-node.ts'
import { TestNetwork } from './ledger-network.ts'

let folder: string

beforeAll(async () => {
  const temporary = join(import.meta.dirname, '..', '.tmp')
  await mkdir(temporary, { recursive: true })
  folder = await mkdtemp(join(temporary, 'ledger-stop-'))
})

afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }))

test('a node that is stopped while it starts closes all that it has opened, and starts again', async () => {
  const { genesis, nodes } = await TestNetwork.create(folder, { pace: 1 })
  const { seeds, host, ports } = nodes[0]!
  const failures: Error[] = []
  const make = (): LedgerNode =>
    new LedgerNode({
      genesis,
      seeds,
      folder,
      listen: { host, port: ports.order },
      rpcPort: ports.rpc,
      syncPort: ports.sync,
      onFailure: (error) => failures.push(error),
    })
  for (let turns = 0; turns < 12; turns++) {
    const node = make()
    let isStarting = true
    const started = node.start().then(
      () => (isStarting = false),
      () => (isStarting = false),
    )
    for (let i = 0; i < turns; i++) await new Promise((resolve) => void setImmediate(resolve))
    await node.stop()
    expect(isStarting).toBe(false)
    await started
  }
  const node = make()
  await node.start() // every port and the store are free again
  expect(node.phase).toBe('ordering')
  await node.stop()
  expect(failures).toEqual([])
}, 60_000)

test('a node that fails to start leaves no port and no store open', async () => {
  const { genesis, nodes } = await TestNetwork.create(join(folder, 'failing'), { pace: 1 })
  const { seeds, host, ports } = nodes[0]!
  const settings = {
    genesis,
    seeds,
    folder: join(folder, 'failing'),
    listen: { host, port: ports.order },
    rpcPort: ports.rpc,
    syncPort: ports.sync,
  } as const
  const broken = (): never => {
    throw new Error('nothing can be attached')
  }
  await expect(new LedgerNode({ ...settings, attachments: [broken] }).start()).rejects.toThrow('nothing can be attached')
  const taken = createServer().listen(ports.rpc, '127.0.0.1')
  await once(taken, 'listening')
  await expect(new LedgerNode(settings).start()).rejects.toThrow(/EADDRINUSE/) // the listener for joiners was open by then
  taken.close()
  await once(taken, 'close')
  await using node = Object.assign(new LedgerNode(settings), { [Symbol.asyncDispose]: () => node.stop() })
  await node.start()
  expect(node.phase).toBe('ordering')
}, 60_000)
