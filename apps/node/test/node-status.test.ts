// Goal: an operator reads what a node has counted, through the same door and under the same token as everything else.
import { request } from 'node:http'
import { join } from 'node:path'
import { writeFile } from 'node:fs/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { readControl } from '../src/compose/control-file.ts'
import { startControl, statusOfNode } from '../src/compose/control.ts'
import { formatMetrics, type NodeStatus } from '../src/compose/node-status.ts'
import { end, live, parseLine, run, sampleBytes, scratchFolder } from './harness.ts'

vi.setConfig({ testTimeout: 600_000 }) // processes are started here, and nothing is said of how long they take

const STATUS: NodeStatus = {
  service: { requests: 3, egressBytes: 4_096, cpuMicros: 1_500 },
  store: { usedBytes: 10, bytesMax: undefined },
  pins: { pins: 1, own: 2, pinnedBytes: 5 },
}

function ask(port: number, path: string, token: string): Promise<{ readonly status: number | undefined; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const asking = request({ host: '127.0.0.1', port, path, headers: { authorization: `Bearer ${token}` } }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('end', () => resolve({ status: response.statusCode, text }))
    })
    asking.on('error', reject)
    asking.end()
  })
}

test('figures are told to whoever has the token, as JSON and as text', async () => {
  const folder = await scratchFolder()
  const add = (): Promise<never> => Promise.reject(new Error('nothing is added here'))
  const control = await startControl(folder, 'selvedge://127.0.0.1:1/00', add, { status: () => STATUS })
  onTestFinished(() => control.stop())
  expect(await statusOfNode(folder)).toEqual(JSON.parse(JSON.stringify(STATUS)))
  const { port, token } = (await readControl(folder))!
  expect(await ask(port, '/metrics', token)).toEqual({ status: 200, text: formatMetrics(STATUS) })
  for (const path of ['/status', '/metrics']) expect((await ask(port, path, token.toUpperCase())).status).toBe(401)
})

test('metrics have a help, a type and a value each, and what has no value is not there', () => {
  const lines = formatMetrics(STATUS).trimEnd().split('\n')
  expect(lines).toHaveLength(7 * 3)
  expect(lines).toContain('selvedge_service_cpu_microseconds_total 1500')
  expect(lines).toContain('# TYPE selvedge_pins gauge')
  expect(lines.join('\n')).not.toContain('store_bytes_max')
  expect(formatMetrics({ ...STATUS, store: { usedBytes: 1, bytesMax: 7 } })).toContain('\nselvedge_store_bytes_max 7\n')
})

test('a node that runs tells its status, and keeps what its operator adds, running or not', async () => {
  const folder = await scratchFolder()
  const [first, second] = [join(folder, 'one'), join(folder, 'two')]
  await writeFile(first, sampleBytes(300_000, 1))
  await writeFile(second, sampleBytes(300_000, 2))
  const data = join(folder, 'data')
  expect(await run(['status', '--data', data, '--json'])).toMatchObject({ code: 1, stdout: expect.stringContaining('NODE_BUSY') as string })
  expect((await run(['add', first, '--data', data])).code).toBe(0) // no node has the folder
  const { child } = await live(['run', '--data', data, '--listen', '127.0.0.1:0', '--store-max', '16MiB'])
  expect((await run(['add', second, '--data', data])).code).toBe(0)
  const status = parseLine(await run(['status', '--data', data, '--json']))
  expect(status).toMatchObject({
    service: { requests: 0, egressBytes: 0, cpuMicros: 0 },
    store: { bytesMax: 16 * 2 ** 20 },
    pins: { pins: 0, own: 2, pinnedBytes: 0 },
  })
  const { stdout } = await run(['status', '--data', data])
  expect(stdout).toMatch(/store {5}\d.*, of 16 MiB\n/)
  expect(stdout).toMatch(/2 of the operator/)
  await end(child, 'SIGTERM')
})

test.each(['0', '15MiB', '1e9', '-5GiB', '10GB', '9999999999999999TiB', ''])('a store of "%s" is none', async (size) => {
  const ran = await run(['run', '--store-max', size, '--data', join(await scratchFolder(), 'unused')])
  expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining('is not a size') as string })
})
