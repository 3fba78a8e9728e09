// Goal: the worker of the README stands between a bucket and whoever asks: ranges are answered, and a wrong byte is not.
// Method: the very file, called as its host would, with a static host as the bucket.
import { expect, test } from 'vitest'
import { createOutboard, formatRoot } from '../src/index.ts'
import { randomBytes, startStaticHost } from './hosts/static-host.ts'

interface EdgeWorker {
  fetch(request: Request, environment: { readonly BUCKET: string; readonly ROOT: string }): Promise<Response>
}

test('a worker before a bucket answers ranges with proven bytes, refuses wrong ones, and knows no other file', async () => {
  const film = randomBytes(1_000_000)
  const { root, outboard } = await createOutboard(film)
  await using bucket = await startStaticHost({ '/film.webm': film.slice(), '/film.webm.obao4': outboard, '/other': film })
  const { default: worker } = (await import(new URL('../examples/edge/worker.js', import.meta.url).href)) as { default: EdgeWorker }
  const ask = (path: string, range?: string): Promise<Response> => {
    const request = new Request(`https://edge.example${path}`, { headers: range === undefined ? {} : { range } })
    return worker.fetch(request, { BUCKET: bucket.origin, ROOT: formatRoot(root) })
  }
  const part = await ask('/film.webm', 'bytes=500000-500099')
  expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 500000-500099/1000000'])
  expect(part.headers.get('content-type')).toBe('video/webm')
  expect(new Uint8Array(await part.arrayBuffer())).toEqual(film.slice(500_000, 500_100))
  expect((await ask('/other')).status).toBe(404)
  expect(bucket.requests.some((request) => request.includes('/other'))).toBe(false)

  bucket.files['/film.webm']![500_000]! ^= 1
  const refused = await ask('/film.webm', 'bytes=500000-500099')
  expect([refused.status, await refused.text()]).toEqual([502, 'VERIFY_MISMATCH\n'])
})
