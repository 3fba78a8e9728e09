import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { hear, run, scratchFolder, start } from './harness.ts'

const leftovers = async (folder: string): Promise<string[]> => {
  return existsSync(join(folder, '.selvedge'))
    ? (await readdir(join(folder, '.selvedge'))).filter((name) => name.startsWith('devnet-'))
    : []
}

test('the story holds: a kill, a cut, a new member and another mode, and the logs say so', { timeout: 600_000 }, async () => {
  const folder = await scratchFolder()
  const { code, stdout, stderr } = await run(['devnet', '--validators', '4', '--story', 'consensus', '--once', '--json'], folder)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const lines = stdout.trim().split('\n')
  expect(lines).toHaveLength(1)
  const result = JSON.parse(lines[0]!) as Record<string, unknown>
  expect(result).toEqual({
    ok: true,
    logsEqual: true,
    killed: { doubleSigned: 0, lost: 0 },
    healedInSeconds: expect.any(Number),
    committeeChanged: true,
    modes: ['bullshark', 'mysticeti'],
  })
  expect(await leftovers(folder)).toEqual([])
})

test('the story of the ledger holds: one state, a kill, a joiner, a new committee, a claim paid and one voided', {
  timeout: 600_000,
}, async () => {
  const folder = await scratchFolder()
  const { code, stdout, stderr } = await run(['devnet', '--validators', '4', '--story', 'ledger', '--once', '--json'], folder)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(JSON.parse(stdout.trim().split('\n').at(-1)!)).toEqual({
    ok: true,
    stateRoots: 1,
    transferSeenOn: 4,
    killed: { doubleSigned: 0, lost: 0 },
    joined: { trusted: 'genesis', rootEqual: true },
    committeeChanged: true,
    claim: { settled: true, falseVoided: true },
  })
  expect(await leftovers(folder)).toEqual([])
})

test('without a name the story is the ledger’s; Ctrl-C in the middle ends every process and leaves nothing', {
  timeout: 300_000,
}, async () => {
  const folder = await scratchFolder()
  const child = start(['devnet', '--once'], folder)
  await hear(child, /4 validators, .*a ledger on LMDB/)
  expect(await leftovers(folder)).toHaveLength(1)
  child.kill('SIGINT')
  const code = await new Promise((resolve) => child.once('exit', resolve))
  expect(code).toBe(130)
  expect(await leftovers(folder)).toEqual([])
})

test.each([
  ['too few validators', ['--validators', '3'], /--validators <count>.*"3" is not a number from 4 to 10/],
  ['no number', ['--validators', 'four'], /--validators <count>.*"four" is not a number from 4 to 10/],
  ['an unknown story', ['--story', 'money'], /story.*consensus, ledger/],
])('wrong use is one line: %s', async (_, args, message) => {
  const { code, stdout, stderr } = await run(['devnet', ...args], await scratchFolder())
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr.trim().split('\n')).toHaveLength(1)
  expect(stderr).toMatch(message)
})

test('the process of a validator says who starts it', async () => {
  const { code, stderr } = await run(['devnet-validator'])
  expect({ code, stderr }).toEqual({ code: 2, stderr: 'selvedge: devnet-validator is started by: selvedge devnet --story consensus\n' })
})
