// Goal: adding a file through a running node takes as long as it takes, and no longer than anybody wants it; a dead node is not waited for.
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { addThroughNode, startControl, statusOfNode, type AddFile } from '../src/compose/control.ts'
import { controlPathOf, readControl } from '../src/compose/control-file.ts'
import { run, scratchFolder } from './harness.ts'

const ADDED = { cid: 'cid', root: 'root', size: 1 }
const ADDRESS = 'selvedge://127.0.0.1:1/00'
const FAST = { pulseMs: 5 }

/** An `add` that goes on until it is told to end, or its signal aborts. */
function heldAdd(): { readonly add: AddFile; readonly begun: Promise<AbortSignal>; finish(): void } {
  const begun = Promise.withResolvers<AbortSignal>()
  const done = Promise.withResolvers<typeof ADDED>()
  return {
    add: (_, signal) => {
      signal.addEventListener('abort', () => done.reject(signal.reason as Error), { once: true })
      begun.resolve(signal)
      return done.promise
    },
    begun: begun.promise,
    finish: () => done.resolve(ADDED),
  }
}

test('while it adds the node shows that it lives, and the answer comes after that', async () => {
  const folder = await scratchFolder()
  const { add, finish } = heldAdd()
  const control = await startControl(folder, ADDRESS, add, FAST)
  onTestFinished(() => control.stop())
  const { port, token } = (await readControl(folder))!
  const asking = request({ host: '127.0.0.1', port, path: '/add', method: 'POST', headers: { authorization: `Bearer ${token}` } })
  asking.end('{"file":"film.mp4"}')
  const [response] = (await once(asking, 'response')) as [AsyncIterable<Buffer>]
  let text = ''
  for await (const part of response) {
    text += part.toString()
    if (text.length > 2) finish()
  }
  expect(text).toMatch(/^ {3,}\{/)
  expect(JSON.parse(text)).toEqual(ADDED)
})

test('whoever asks is answered however many signs of life come before, or told what went wrong', async () => {
  const folder = await scratchFolder()
  const slowly: AddFile = async (file) => {
    await new Promise((resolve) => setTimeout(resolve, 50))
    if (file === 'none') throw Object.assign(new Error('none cannot be read'), { code: 'NODE_USAGE' })
    return ADDED
  }
  const control = await startControl(folder, ADDRESS, slowly, FAST)
  onTestFinished(() => control.stop())
  expect(await addThroughNode(folder, 'film.mp4')).toEqual(ADDED)
  await expect(addThroughNode(folder, 'none')).rejects.toMatchObject({ code: 'NODE_USAGE', message: 'none cannot be read' })
})

test('a node of which nothing is heard is not waited for, and neither is one that is gone', async () => {
  const folder = await scratchFolder()
  const server = createServer(() => {}).listen(0, '127.0.0.1') // takes the request, and is stopped there
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await writeFile(controlPathOf(folder), JSON.stringify({ port, token: 'token', address: ADDRESS }))
  const busy = { code: 'NODE_BUSY', message: expect.stringContaining('nothing was heard of it') as string }
  await expect(addThroughNode(folder, 'film.mp4', { silenceMs: 50 })).rejects.toMatchObject(busy)
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  const gone = { code: 'NODE_BUSY', message: expect.stringContaining('ECONNREFUSED') as string }
  await expect(addThroughNode(folder, 'film.mp4')).rejects.toMatchObject(gone)
  for (const text of ['', 'null', '[]', '{"port":1}', '{"port":"1","token":"a","address":"b"}']) {
    await writeFile(controlPathOf(folder), text)
    await expect(addThroughNode(folder, 'film.mp4')).rejects.toMatchObject({
      code: 'NODE_BUSY',
      message: expect.stringContaining('no node that can be asked') as string,
    })
  }
})

test('what nobody waits for any more is not added: the asker left, or the node stops', async () => {
  const folder = await scratchFolder()
  let { add, begun } = heldAdd()
  const control = await startControl(folder, ADDRESS, (file, signal) => add(file, signal), FAST)
  const leaving = new AbortController()
  const left = addThroughNode(folder, 'film.mp4', { signal: leaving.signal })
  const ended = begun.then((signal) => once(signal, 'abort'))
  await begun
  leaving.abort(new Error('Ctrl-C'))
  await expect(left).rejects.toThrow('Ctrl-C')
  await ended
  ;({ add, begun } = heldAdd())
  const refused = addThroughNode(folder, 'film.mp4').catch((error: unknown) => error)
  const signal = await begun
  await control.stop()
  expect(signal.aborted).toBe(true)
  expect(await refused).toMatchObject({ code: 'NODE_BUSY' })
})

test('a node that cannot say how it is reached does not run on unreachable: one line, exit code 1', async () => {
  const folder = await scratchFolder()
  await mkdir(join(folder, 'data', 'control.json'), { recursive: true })
  await expect(startControl(join(folder, 'data'), ADDRESS, async () => ADDED)).rejects.toMatchObject({ code: 'NODE_DATA_FOLDER' })
  const ran = await run(['run', '--data', 'data', '--listen', '127.0.0.1:0', '--log-level', 'silent'], folder)
  expect(ran).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^selvedge: data\/control\.json cannot be written: .*\n$/) as string,
  })
})

test('whatever else answers on the port of a node that died is not taken for it', async () => {
  const folder = await scratchFolder()
  let text = ''
  const other = createServer((_, response) => response.end(text)).listen(0, '127.0.0.1')
  onTestFinished(() => void other.close())
  await once(other, 'listening')
  await writeFile(controlPathOf(folder), JSON.stringify({ port: (other.address() as AddressInfo).port, token: 'of old', address: ADDRESS }))
  const halfStatus =
    '{"service":{"requests":1,"egressBytes":2,"cpuMicros":3},"store":{"usedBytes":4},"pins":{"pins":"5","own":6,"pinnedBytes":7}}'
  for (text of [
    'null',
    '[]',
    '{}',
    '5',
    '"x"',
    '{"error":null}',
    '{"error":{"code":"NODE_USAGE"}}',
    '{"cid":"a","root":"b"}',
    halfStatus,
  ]) {
    await expect(addThroughNode(folder, 'film.mp4')).rejects.toMatchObject({ name: 'NodeError', code: 'NODE_BUSY' })
    await expect(statusOfNode(folder)).rejects.toMatchObject({ name: 'NodeError', code: 'NODE_BUSY' })
  }
  text = halfStatus.replace('"5"', '5')
  expect(await statusOfNode(folder)).toEqual(JSON.parse(text))
})
