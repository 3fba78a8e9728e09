// Goal: the door through which a command reaches a running node opens to the user of its folder alone, and does one thing.
import { chmod, stat, writeFile } from 'node:fs/promises'
import { expect, onTestFinished, test } from 'vitest'
import { startControl } from '../src/compose/control.ts'
import { controlPathOf, readControl } from '../src/compose/control-file.ts'
import { scratchFolder } from './harness.ts'

interface Asked {
  readonly method?: string
  readonly path?: string
  readonly body?: string
}

interface Door {
  readonly folder: string
  readonly token: string
  /** Files that the node was made to add. */
  readonly added: readonly string[]
  /** @returns the status; `cut` where the connection ended without one. */
  ask(authorization: string | undefined, asked?: Asked): Promise<number | 'cut'>
  stop(): Promise<void>
}

async function openDoor(): Promise<Door> {
  const folder = await scratchFolder()
  const added: string[] = []
  await writeFile(controlPathOf(folder), 'of a node that was killed')
  await chmod(controlPathOf(folder), 0o644)
  const control = await startControl(folder, 'selvedge://127.0.0.1:1/00', async (file) => {
    added.push(file)
    return { cid: 'cid', root: 'root', size: 1 }
  })
  onTestFinished(() => control.stop())
  const { port, token } = (await readControl(folder))!
  return {
    folder,
    token,
    added,
    async ask(authorization, { method = 'POST', path = '/add', body = JSON.stringify({ file: 'film.mp4' }) } = {}) {
      const headers = authorization === undefined ? {} : { authorization }
      const content = method === 'POST' ? { body } : {}
      try {
        const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers, ...content })
        await response.arrayBuffer()
        return response.status
      } catch {
        return 'cut'
      }
    },
    stop: () => control.stop(),
  }
}

test('the control door is closed to whoever has no token, a part of it, or one that is almost it', async () => {
  const { token, added, ask } = await openDoor()
  expect(token).toMatch(/^[0-9a-f]{64}$/)
  const other = (digit: string | undefined): string => (digit === '0' ? '1' : '0')
  const almost = [other(token[0]) + token.slice(1), token.slice(0, -1) + other(token.at(-1)), token.toUpperCase()]
  const wrong = ['', token.slice(0, -1), `${token}0`, ...almost]
  const given = [undefined, '', token, `Basic ${token}`, `bearer ${token}`, ...wrong.map((each) => `Bearer ${each}`)]
  for (const authorization of given) expect([authorization, await ask(authorization)]).toEqual([authorization, 401])
  expect(added).toEqual([])
  expect(await ask(`Bearer ${token}`)).toBe(200)
  expect(added).toEqual(['film.mp4'])
})

test('with the token it adds one file that is named, and knows no other request', async () => {
  const { token, added, ask } = await openDoor()
  const asked = (request: Asked): Promise<number | 'cut'> => ask(`Bearer ${token}`, request)
  for (const method of ['GET', 'PUT', 'DELETE']) expect(await asked({ method })).toBe(404)
  for (const path of ['/', '/add/', '/add?file=x', '/store']) expect(await asked({ path })).toBe(404)
  for (const body of ['{}', '{"file":7}', '{"file":["a"]}', '[]']) expect(await asked({ body })).toBe(400)
  for (const body of ['', 'null', '{"file":']) expect(await asked({ body })).toBe(500)
  expect([500, 'cut']).toContain(await asked({ body: JSON.stringify({ file: 'x'.repeat(17 * 1_024) }) }))
  expect(added).toEqual([])
  expect(await asked({ body: '{"file":"a"}' })).toBe(200)
})

test.runIf(process.platform !== 'win32')(
  'its token is in a file of the user alone, another each time, and goes with the node',
  async () => {
    const [door, other] = [await openDoor(), await openDoor()]
    expect((await stat(controlPathOf(door.folder))).mode & 0o777).toBe(0o600)
    expect(other.token).not.toBe(door.token)
    expect(await other.ask(`Bearer ${door.token}`)).toBe(401)
    await door.stop()
    expect(await readControl(door.folder)).toBeUndefined()
    expect(await door.ask(`Bearer ${door.token}`)).toBe('cut')
  },
)
