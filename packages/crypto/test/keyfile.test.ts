// Goal: a secret on disk is whole or not there, never another's, never open to others, and under a passphrase it is nothing without it.
import { createKeyFile, encryptKeyFile, readKeyFile } from '@selvedge/crypto/keyfile'
import { spawn } from 'node:child_process'
import { createDecipheriv, scryptSync } from 'node:crypto'
import { once } from 'node:events'
import {
  chmod,
  link as hardLink,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
  type FileHandle,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'

/** The least work there is: the tests open many files. */
const QUICK = { passphrase: 'correct horse', workLog2: 12 }
const SECRET = Uint8Array.from({ length: 32 }, (_, index) => 3 * index)
const ENCRYPTED_BYTES = 97

let folder = ''
let path = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keys-'))
  path = join(folder, 'node.key')
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

const modeOf = async (file: string): Promise<number> => (await stat(file)).mode & 0o777
const codeOf = (code: string): unknown => expect.objectContaining({ name: 'KeyFileError', code })
const put = async (bytes: Uint8Array | string): Promise<void> => {
  await writeFile(path, bytes)
  await chmod(path, 0o600)
}

test('a plain key file is 64 hex digits, says that it is plain, and is read with a passphrase too', async () => {
  expect(await createKeyFile(path, {}, SECRET)).toBe(true)
  expect(await readFile(path, 'utf8')).toBe(`${Buffer.from(SECRET).toString('hex')}\n`)
  expect(await readKeyFile(path)).toEqual({ isEncrypted: false, secret: SECRET })
  expect(await readKeyFile(path, QUICK)).toEqual({ isEncrypted: false, secret: SECRET })
  await put(Buffer.from(SECRET).toString('hex')) // as an editor may leave it
  expect((await readKeyFile(path)).secret).toEqual(SECRET)
})

test('an encrypted one has one layout, which anybody can open who has the passphrase', async () => {
  await createKeyFile(path, QUICK, SECRET)
  expect(await readKeyFile(path, QUICK)).toEqual({ isEncrypted: true, secret: SECRET })
  const bytes = await readFile(path)
  expect([bytes.length, bytes.subarray(0, 20).toString('latin1'), bytes[20]]).toEqual([ENCRYPTED_BYTES, 'selvedge/key-file/1\0', 12])
  const key = scryptSync('correct horse', bytes.subarray(21, 37), 32, { N: 2 ** 12, r: 8, p: 1 })
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(37, 49)).setAAD(bytes.subarray(0, 49)).setAuthTag(bytes.subarray(81))
  expect(new Uint8Array(Buffer.concat([decipher.update(bytes.subarray(49, 81)), decipher.final()]))).toEqual(SECRET)
})

test('without the passphrase it stays closed, and with another one too', async () => {
  await createKeyFile(path, QUICK, SECRET)
  await expect(readKeyFile(path)).rejects.toThrow(codeOf('KEYFILE_LOCKED'))
  await expect(readKeyFile(path, { passphrase: 'correct horsf' })).rejects.toThrow(codeOf('KEYFILE_REFUSED'))
  await expect(readKeyFile(path, { passphrase: '' })).rejects.toThrow(codeOf('KEYFILE_BAD_ARGUMENT'))
})

test('a passphrase is the same however its letters are composed', async () => {
  await createKeyFile(path, { ...QUICK, passphrase: 'Z\u00fcrich' }, SECRET)
  expect((await readKeyFile(path, { passphrase: 'Zu\u0308rich' })).secret).toEqual(SECRET)
})

test('two files of one secret and passphrase have no key, nonce or cipher in common', async () => {
  await createKeyFile(path, QUICK, SECRET)
  await createKeyFile(`${path}2`, QUICK, SECRET)
  const [one, two] = [await readFile(path), await readFile(`${path}2`)]
  for (const [from, to] of [
    [21, 37],
    [37, 49],
    [49, 81],
    [81, 97],
  ] as const)
    expect(one.subarray(from, to)).not.toEqual(two.subarray(from, to))
})

test('every byte counts: changed, cut or longer it is refused', async () => {
  await createKeyFile(path, QUICK, SECRET)
  const whole = await readFile(path)
  for (let at = 0; at < whole.length; at++) {
    const changed = Uint8Array.from(whole)
    changed[at]! ^= at === 20 ? 0x80 : 1 // the work: 140 is no power that is tried
    await put(changed)
    await expect(readKeyFile(path, QUICK)).rejects.toThrow(codeOf(at <= 20 ? 'KEYFILE_MALFORMED' : 'KEYFILE_REFUSED'))
  }
  await put(Uint8Array.from(whole, (byte, at) => (at === 20 ? 13 : byte)))
  await expect(readKeyFile(path, QUICK)).rejects.toThrow(codeOf('KEYFILE_REFUSED'))
  for (const bytes of [whole.subarray(0, 96), Buffer.concat([whole, Buffer.alloc(1)]), new Uint8Array(0), new Uint8Array(1_000)]) {
    await put(bytes)
    await expect(readKeyFile(path, QUICK)).rejects.toThrow(codeOf('KEYFILE_MALFORMED'))
  }
})

test.each([0, 11, 21, 255])('work of 2^%i is neither written nor done', async (workLog2) => {
  await expect(createKeyFile(path, { ...QUICK, workLog2 }, SECRET)).rejects.toThrow(codeOf('KEYFILE_BAD_ARGUMENT'))
  await createKeyFile(path, QUICK, SECRET)
  await put(Uint8Array.from(await readFile(path), (byte, at) => (at === 20 ? workLog2 : byte)))
  await expect(readKeyFile(path, QUICK)).rejects.toThrow(codeOf('KEYFILE_MALFORMED'))
})

test.each(['', 'zz', `${'ab'.repeat(31)}\n`, `${'AB'.repeat(32)}\n`, `${'ab'.repeat(32)}\n\n`, `${'ab'.repeat(33)}\n`])(
  'text that is no key is refused: %j',
  async (text) => {
    await put(text)
    await expect(readKeyFile(path)).rejects.toThrow(codeOf('KEYFILE_MALFORMED'))
  },
)

test('a secret of another length is not written', async () => {
  for (const length of [0, 31, 33])
    for (const options of [{}, QUICK])
      await expect(createKeyFile(path, options, new Uint8Array(length))).rejects.toThrow(codeOf('KEYFILE_BAD_ARGUMENT'))
  expect(await readdir(folder)).toEqual([])
})

test.runIf(process.platform !== 'win32')('what others may read or change is refused, whoever made it so', async () => {
  await createKeyFile(path, {}, SECRET)
  expect(await modeOf(path)).toBe(0o600)
  for (const mode of [0o640, 0o620, 0o604, 0o602, 0o610, 0o777]) {
    await chmod(path, mode)
    await expect(readKeyFile(path)).rejects.toThrow(codeOf('KEYFILE_EXPOSED'))
  }
  await symlink(path, join(folder, 'link'))
  await expect(readKeyFile(join(folder, 'link'))).rejects.toThrow(codeOf('KEYFILE_EXPOSED'))
  await chmod(path, 0o400)
  expect((await readKeyFile(path)).secret).toEqual(SECRET)
})

type Act = (this: FileHandle, ...args: never[]) => Promise<void>

// Method: of each handle the mode is asked for before its rights are set and before bytes go into it, in a process that takes nothing away from modes.
test.runIf(process.platform !== 'win32')('a new key file is nobody else’s before its rights are set', async () => {
  const probe = await open(join(folder, 'probe'), 'w')
  const prototype = Object.getPrototypeOf(probe) as Record<'chmod' | 'writeFile', Act>
  await probe.close()
  const { chmod: setMode, writeFile: fill } = prototype
  const mask = process.umask(0)
  onTestFinished(() => {
    process.umask(mask)
    Object.assign(prototype, { chmod: setMode, writeFile: fill })
  })
  const modes: number[] = []
  const seenBefore = (act: Act): Act =>
    async function (...args) {
      modes.push((await this.stat()).mode & 0o777)
      await act.apply(this, args)
    }
  Object.assign(prototype, { chmod: seenBefore(setMode), writeFile: seenBefore(fill) })
  await createKeyFile(path, {}, SECRET)
  await createKeyFile(`${path}2`, QUICK, SECRET)
  await encryptKeyFile(path, QUICK.passphrase, QUICK)
  expect(modes.length).toBeGreaterThanOrEqual(3)
  expect(new Set(modes)).toEqual(new Set([0o600]))
})

test('what a link leads to is encrypted itself, and a file with a second name is not said to be', async () => {
  await createKeyFile(path, {}, SECRET)
  const link = join(folder, 'named')
  await symlink(path, link)
  await hardLink(path, join(folder, 'second'))
  await expect(encryptKeyFile(link, QUICK.passphrase, QUICK)).rejects.toThrow(codeOf('KEYFILE_EXPOSED'))
  expect((await readKeyFile(path)).isEncrypted).toBe(false)
  await rm(join(folder, 'second'))
  expect(await encryptKeyFile(link, QUICK.passphrase, QUICK)).toEqual({ isEncrypted: true, secret: SECRET })
  expect((await readFile(path)).length).toBe(ENCRYPTED_BYTES)
  expect((await lstat(link)).isSymbolicLink()).toBe(true)
  expect((await readdir(folder)).toSorted()).toEqual(['named', 'node.key'])
})

test('it is never put in place of another, its folder is made, and nothing else is left there', async () => {
  const deep = join(folder, 'a', 'b', 'node.key')
  expect(await createKeyFile(deep, QUICK)).toBe(true)
  const { secret } = await readKeyFile(deep, QUICK)
  expect(await createKeyFile(deep, {}, SECRET)).toBe(false)
  expect((await readKeyFile(deep, QUICK)).secret).toEqual(secret)
  expect(await readdir(join(folder, 'a', 'b'))).toEqual(['node.key'])
})

test('a file that is not there, or that is a folder, is said', async () => {
  await expect(readKeyFile(path)).rejects.toThrow(
    expect.objectContaining({ code: 'KEYFILE_IO', cause: expect.objectContaining({ code: 'ENOENT' }) as Error }),
  )
  await mkdir(path, { mode: 0o700 })
  await expect(readKeyFile(path)).rejects.toThrow(codeOf('KEYFILE_MALFORMED'))
  await expect(createKeyFile(join('/dev/null', 'node.key'))).rejects.toThrow(codeOf('KEYFILE_IO'))
})

test('a plain file is encrypted in its place, once; one that is encrypted is left as it is', async () => {
  await createKeyFile(path, {}, SECRET)
  expect(await encryptKeyFile(path, 'correct horse', { workLog2: 12 })).toEqual({ isEncrypted: true, secret: SECRET })
  expect(await modeOf(path)).toBe(0o600)
  const bytes = await readFile(path)
  expect(bytes.includes(Buffer.from(SECRET)) || bytes.includes(Buffer.from(SECRET).toString('hex'))).toBe(false)
  expect(await encryptKeyFile(path, 'correct horse', { workLog2: 12 })).toEqual({ isEncrypted: true, secret: SECRET })
  expect(await readFile(path)).toEqual(bytes)
  await expect(encryptKeyFile(path, 'another', { workLog2: 12 })).rejects.toThrow(codeOf('KEYFILE_REFUSED'))
  expect(await readdir(folder)).toEqual(['node.key'])
})

test('of four processes that make it at once one does, and all read the same', async () => {
  const children = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ['--conditions=@selvedge/source', join(import.meta.dirname, 'keyfile.child.ts'), path, 'x'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  )
  const lines = children.map((child) => createInterface({ input: child.stdout })[Symbol.asyncIterator]())
  const next = async (index: number): Promise<string> => String((await lines[index]!.next()).value)
  for (const index of children.keys()) expect(await next(index)).toBe('ready')
  for (const child of children) child.stdin.write('go\n')
  const said = await Promise.all(children.map(async (_, index) => JSON.parse(await next(index)) as { isMade: boolean; secret: string }))
  await Promise.all(children.map(async (child) => (child.exitCode === null ? once(child, 'exit') : undefined)))
  expect(said.filter(({ isMade }) => isMade)).toHaveLength(1)
  expect(new Set(said.map(({ secret }) => secret)).size).toBe(1)
  expect(await readdir(folder)).toEqual(['node.key'])
})
