/** ipfs.md §1.7: where a redirect may lead. */
import { afterEach, describe, expect, test } from 'vitest'
import { type Behaviour, flat } from './support.ts'
import { closeAll, CONTENT, failure, honest, originOf, root, start } from './world.ts'

afterEach(closeAll)

describe('redirects', () => {
  const to =
    (location: string): Behaviour =>
    (_, response) =>
      void response.writeHead(302, { location }).end()

  test('to another listed gateway are followed', async () => {
    const target = await start(honest)
    const first = await start(
      (asked, response) => void response.writeHead(302, { location: `${target.url}${asked.url.pathname}${asked.url.search}` }).end(),
    )
    expect(await flat(originOf([first, target]).fetch(root))).toEqual(CONTENT)
    expect(target.asked.length).toBe(1)
  })

  test('are followed three times and not four', async () => {
    const gateway = await start(async (asked, response, index) => {
      if (index < 3) response.writeHead(302, { location: asked.url.href }).end()
      else await honest(asked, response, index)
    })
    expect(await flat(originOf([gateway]).fetch(root))).toEqual(CONTENT)
    const looping = await start((asked, response) => void response.writeHead(302, { location: asked.url.href }).end())
    expect((await failure(originOf([looping]).fetch(root))).code).toBe('ORIGIN_REDIRECT')
    expect(looping.asked.length).toBe(4)
  })

  test.each([
    ['http://example.org/', 'ORIGIN_REFUSED_ADDRESS'],
    ['http://127.0.0.1:9/', 'ORIGIN_REFUSED_ADDRESS'],
    ['https://127.0.0.1/', 'ORIGIN_REFUSED_ADDRESS'],
    ['https://2130706433/', 'ORIGIN_REFUSED_ADDRESS'],
    ['https://[::1]/', 'ORIGIN_REFUSED_ADDRESS'],
    ['https://[::ffff:10.0.0.1]/', 'ORIGIN_REFUSED_ADDRESS'],
    ['https://169.254.169.254/latest/meta-data', 'ORIGIN_REFUSED_ADDRESS'],
    ['https://localhost/', 'ORIGIN_REFUSED_ADDRESS'],
    ['https://user:secret@example.org/', 'ORIGIN_REFUSED_ADDRESS'],
    ['https://example.org:22/', 'ORIGIN_REFUSED_ADDRESS'],
    ['file:///etc/passwd', 'ORIGIN_REFUSED_ADDRESS'],
    ['http://[', 'ORIGIN_REDIRECT'],
  ])('to %s are refused with %s', async (location, code) => {
    expect((await failure(originOf([await start(to(location))]).fetch(root))).code).toBe(code)
  })

  test('without a location are refused', async () => {
    expect((await failure(originOf([await start((_, response) => void response.writeHead(302).end())]).fetch(root))).code).toBe(
      'ORIGIN_REDIRECT',
    )
  })
})
