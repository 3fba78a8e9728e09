import { existsSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { end, hear, run, sampleBytes, scratchFolder, start } from './harness.ts'

const ENTRY = join(import.meta.dirname, '../src/demo/main.ts')
const HOME = resolve(import.meta.dirname, '../../../.selvedge')

const lastLine = (text: string): Record<string, unknown> => JSON.parse(text.trim().split('\n').at(-1)!) as Record<string, unknown>
/** What runs left that have ended; somebody may be running the job beside us. */
async function leftovers(): Promise<string[]> {
  const names = existsSync(HOME) ? await readdir(HOME) : []
  return names.filter((name) => name.startsWith('start-') && !isAlive(Number(name.slice('start-'.length))))
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('the whole job on its own input: everything comes true, lies are refused, a killed client goes on', { timeout: 600_000 }, async () => {
  const { code, stdout, stderr } = await run(['--once', '--json'], undefined, ENTRY)
  const failures = stdout.split('\n').filter((line) => line.startsWith('FAILED'))
  expect({ code, stderr, failures }).toEqual({ code: 0, stderr: '', failures: [] })
  const result = lastLine(stdout) as {
    largestFileBytes: number
    resumed: { bytesAgain: number }
    seek: { asked: number; received: number }
    tampered: { lie: string; code: string }[]
    paid: { expected: number; debited: number; paid: number; burnt: number; difference: number; transaction: string }
    cheats: { client: { nodeLost: number }; node: { paid: number } }
    browser: { sha256Equal: boolean }
  }
  const fields = ['ok', 'largestFileBytes', 'cold', 'warm', 'resumed', 'seek', 'tampered', 'paid', 'cheats', 'browser', 'times']
  expect(Object.keys(result)).toEqual(fields)
  expect(result).toMatchObject({ ok: true, cold: { firstByteMs: expect.any(Number) }, warm: { wholeMs: expect.any(Number) } })
  expect(result.largestFileBytes).toBeGreaterThan(60_000_000)
  expect(result.resumed.bytesAgain).toBeLessThanOrEqual(2 ** 20)
  expect(result.seek.asked).toBe(8 * 2 ** 20)
  expect(result.seek.received).toBeLessThanOrEqual(1.1 * result.seek.asked + 65_536)
  expect(result.tampered.map(({ code: each }) => each)).toEqual([
    'CAR_BAD_HASH',
    'CAR_BAD_NODE',
    'CAR_UNEXPECTED_BLOCK',
    'CAR_WRONG_ROOT',
    'CAR_TRUNCATED',
    'CAR_BAD_SIZE',
    'CAR_NOT_A_CAR',
  ])
  const { expected, debited, paid, burnt, difference, transaction } = result.paid
  expect(expected).toBeGreaterThan(0)
  expect([debited, difference]).toEqual([expected, 0])
  expect(burnt).toBe(Math.ceil(expected / 10))
  expect(paid).toBe(expected - burnt - Math.floor(expected / 5))
  expect(transaction).toMatch(/^0x[0-9a-f]{64}$/)
  expect(result.cheats.client.nodeLost).toBeLessThanOrEqual(5) // µUSD: a window of 256 KiB and a leaf
  expect(result.cheats.node).toEqual({ paid: 0 })
  expect(result.browser).toEqual({ sha256Equal: true })
  expect(await leftovers()).toEqual([])
})

test('a named folder is the input, and Ctrl-C leaves nothing behind', { timeout: 600_000 }, async () => {
  const folder = await scratchFolder()
  await mkdir(join(folder, 'input/sub'), { recursive: true })
  await writeFile(join(folder, 'input/film.bin'), sampleBytes(20_000_000))
  await writeFile(join(folder, 'input/sub/note.txt'), 'hello\n')
  const child = start(['input'], folder, ENTRY)
  const text = await hear(child, /npm run -s selvedge -- get baf\w+ -o copy --node selvedge:\/\/\S+\n/)
  expect(text).toMatch(/the 2 files of/)
  expect(text).toMatch(/a client with 1,000 USD on the ledger took/) // its settlement is two epochs away, and nobody has to wait for it
  expect(text).not.toMatch(/FAILED/)
  const own = join(HOME, `start-${child.pid}`)
  expect(existsSync(own)).toBe(true)
  expect(await end(child, 'SIGINT')).toBe(0)
  expect(existsSync(own)).toBe(false)
})

test.each([
  ['an unknown option', ['--quick'], /--quick/],
  ['two folders', ['a', 'b'], /one folder at most/],
  ['a folder that is not there', ['nothing-here'], /nothing-here is no folder/],
])('wrong use is one line: %s', async (_, args, message) => {
  const { code, stderr } = await run(args, await scratchFolder(), ENTRY)
  expect(code).toBe(2)
  expect(stderr.trim().split('\n')).toHaveLength(1)
  expect(stderr).toMatch(message)
})
