// Goal: an operator's keys are on disk as he wants them: plain and said to be, or nothing without the passphrase.
import { createKeyFile } from '@selvedge/crypto/keyfile'
import { spawnSync } from 'node:child_process'
import { chmod, open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { loadKeyPair, loadSeed, readSeed } from '../src/compose/key-file.ts'
import { passphraseFrom } from '../src/compose/passphrase.ts'
import { loadLedgerSeeds } from '../src/ledger-tools/ledger-seeds.ts'
import { loadOwner } from '../src/ledger-tools/owner-wallet.ts'
import { end, live, run, scratchFolder } from './harness.ts'

const passphrase = 'a bird in the hand'
const QUICK = { passphrase, workLog2: 12 }
const isPlain = async (path: string): Promise<boolean> => /^[0-9a-f]{64}\n$/.test(await readFile(path, 'latin1'))

test('without a passphrase a key is plain, and that is said at each start; that it was made, once', async () => {
  const path = join(await scratchFolder(), 'data', 'node.key')
  const [plain, made]: [string[], string[]] = [[], []]
  const hearing = { onPlain: (each: string) => plain.push(each), onMade: (each: string) => made.push(each) }
  const { publicKey } = await loadKeyPair(path, hearing)
  expect((await loadKeyPair(path, hearing)).publicKey).toEqual(publicKey)
  expect([plain, made, await isPlain(path)]).toEqual([[path, path], [path], true])
})

test('with one it is made encrypted, or encrypted in its place, and the key stays the same', async () => {
  const folder = await scratchFolder()
  const made = await loadLedgerSeeds(folder, { ...QUICK, onPlain: () => expect.unreachable() })
  expect(await isPlain(join(folder, 'node.key'))).toBe(false)
  expect(await loadLedgerSeeds(folder, { passphrase })).toEqual(made)
  await expect(loadLedgerSeeds(folder)).rejects.toMatchObject({ code: 'NODE_KEY_FILE', details: { cause: 'KEYFILE_LOCKED' } })
  await expect(loadLedgerSeeds(folder, { passphrase: 'two in the bush' })).rejects.toMatchObject({ details: { cause: 'KEYFILE_REFUSED' } })
  const old = join(folder, 'old.key')
  const seed = await loadSeed(old)
  expect(await loadSeed(old, { ...QUICK, onPlain: () => expect.unreachable() })).toEqual(seed)
  expect(await isPlain(old)).toBe(false)
})

test("an owner's key is opened by the passphrase, and never made or changed", async () => {
  const folder = await scratchFolder()
  const [sealed, plain] = [join(folder, 'sealed.key'), join(folder, 'plain.key')]
  await createKeyFile(sealed, QUICK, new Uint8Array(32).fill(7))
  await createKeyFile(plain, {}, new Uint8Array(32).fill(7))
  expect(await readSeed(sealed, passphrase)).toEqual(await readSeed(plain, passphrase))
  expect(await isPlain(plain)).toBe(true)
  await expect(loadOwner(sealed)).rejects.toMatchObject({
    code: 'NODE_KEY_FILE',
    message: expect.stringContaining('SELVEDGE_PASSPHRASE') as string,
  })
  await expect(loadOwner(join(folder, 'none.key'))).rejects.toMatchObject({ code: 'NODE_KEY_FILE' })
})

test('a passphrase is the first line of the file that is named, before what the environment has', async () => {
  const folder = await scratchFolder()
  const file = join(folder, 'passphrase')
  await writeFile(file, `${passphrase}\r\nits second line\n`, { mode: 0o600 })
  const other = join(folder, 'other')
  await writeFile(other, 'of the environment', { mode: 0o600 })
  const environment = { SELVEDGE_PASSPHRASE: 'itself', SELVEDGE_PASSPHRASE_FILE: other }
  expect(await passphraseFrom(file, environment)).toBe(passphrase)
  expect(await passphraseFrom(undefined, environment)).toBe('of the environment')
  expect(await passphraseFrom(undefined, { SELVEDGE_PASSPHRASE: 'itself' })).toBe('itself')
  expect(await passphraseFrom(undefined, {})).toBe(undefined)
})

test.runIf(process.platform === 'linux')('of a pipe the whole first line counts, however its writer takes its time', async () => {
  const pipe = join(await scratchFolder(), 'pipe')
  expect(spawnSync('mkfifo', ['-m', '600', pipe]).status).toBe(0)
  const reading = passphraseFrom(pipe, {})
  const writer = await open(pipe, 'w')
  await writer.write('correct ')
  await sleep(50)
  await writer.write('horse\nits second line\n')
  await writer.close()
  expect(await reading).toBe('correct horse')
})

test('a passphrase that is no text is refused, rather than taken for another', async () => {
  const file = join(await scratchFolder(), 'passphrase')
  await writeFile(file, Uint8Array.of(0x61, 0xff, 0x0a), { mode: 0o600 })
  await expect(passphraseFrom(file, {})).rejects.toMatchObject({ code: 'NODE_PASSPHRASE' })
})

test('a passphrase that is empty, too long, not there, or open to others is refused', async () => {
  const file = join(await scratchFolder(), 'passphrase')
  const refused = { code: 'NODE_PASSPHRASE' }
  await expect(passphraseFrom(file, {})).rejects.toMatchObject(refused)
  for (const text of ['', '\nsecond', 'x'.repeat(1_025)]) {
    await writeFile(file, text, { mode: 0o600 })
    await expect(passphraseFrom(file, {})).rejects.toMatchObject(refused)
  }
  await writeFile(file, passphrase)
  await chmod(file, 0o644)
  if (process.platform !== 'win32') await expect(passphraseFrom(file, {})).rejects.toMatchObject(refused)
  await expect(passphraseFrom(undefined, { SELVEDGE_PASSPHRASE: '' })).rejects.toMatchObject(refused)
})

test('a node runs on an encrypted key, under the same address, and not without the passphrase', async () => {
  const folder = await scratchFolder()
  const [data, file] = [join(folder, 'data'), join(folder, 'passphrase')]
  await writeFile(file, `${passphrase}\n`, { mode: 0o600 })
  const { child, first } = await live(['run', '--data', data, '--listen', '127.0.0.1:0'])
  expect(await end(child)).toBe(0)
  const again = await live(['run', '--data', data, '--listen', '127.0.0.1:0', '--passphrase-file', file])
  expect(again.first.nodeKey).toBe(first.nodeKey)
  expect(await end(again.child)).toBe(0)
  expect(await isPlain(join(data, 'node.key'))).toBe(false)
  const refused = await run(['run', '--data', data, '--listen', '127.0.0.1:0', '--json'])
  expect([refused.code, refused.stdout]).toEqual([1, expect.stringContaining('NODE_KEY_FILE')])
})
