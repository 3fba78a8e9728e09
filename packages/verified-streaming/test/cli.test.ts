// Goal: the command does what its help says, in files and in pipes, with exit codes and lines that a script can rely on.
// Method: the built program in a child process, on real files.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureBuilt } from '../../../tools/environments/built.ts'
import { createOutboard, decodeCollection, formatRoot, hash } from '../src/index.ts'
import { createProgress } from '../src/cli-io.node.ts'
import { collectionFromDirectory } from '../src/collection-from-directory.node.ts'
import { randomBytes } from './hosts/static-host.ts'
import { temporaryFolder } from './hosts/temporary-folder.ts'

const packageFolder = join(import.meta.dirname, '..')
const program = join(packageFolder, 'dist/cli.node.js')
const content = randomBytes(1_000_003)
const root = formatRoot(hash(content))
let folder: string

interface Outcome {
  readonly code: number | null
  readonly out: Buffer
  readonly err: string
}

function run(args: readonly string[], input?: Uint8Array): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], { cwd: folder })
    const out: Buffer[] = []
    let err = ''
    child.stdout.on('data', (piece: Buffer) => out.push(piece))
    child.stderr.on('data', (piece: Buffer) => (err += piece.toString()))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, out: Buffer.concat(out), err }))
    child.stdin.on('error', () => {}) // a program that refuses its arguments does not read
    child.stdin.end(input)
  })
}

const textOf = async (args: readonly string[], input?: Uint8Array): Promise<string> => {
  const { code, out, err } = await run(args, input)
  return code === 0 ? out.toString() : `code ${code}: ${err}`
}

beforeAll(async () => {
  await ensureBuilt(packageFolder)
  folder = temporaryFolder()
  writeFileSync(join(folder, 'file'), content)
  writeFileSync(join(folder, 'empty'), '')
}, 120_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('hash', () => {
  test('prints the root and name of each file, or of standard input', async () => {
    const empty = formatRoot(hash(new Uint8Array(0)))
    expect(await textOf(['hash', 'file', 'empty'])).toBe(`${root}  file\n${empty}  empty\n`)
    expect(await textOf(['hash', '-'], content)).toBe(`${root}  -\n`)
  })

  test('prints the root of the collection of a directory', async () => {
    mkdirSync(join(folder, 'site/deep'), { recursive: true })
    writeFileSync(join(folder, 'site/b'), 'b')
    writeFileSync(join(folder, 'site/a'), 'a')
    writeFileSync(join(folder, 'site/deep/a'), content)
    const { collection, entries } = await collectionFromDirectory(join(folder, 'site'))
    expect(await textOf(['hash', 'site'])).toBe(`${formatRoot(collection.root)}  site\n`)
    expect(entries.map(({ name }) => name)).toEqual(['a', 'b', 'deep/a'])
    expect(decodeCollection(collection.sequence, collection.metadata).map((entry) => [entry.name, formatRoot(entry.root)])).toEqual([
      ['a', formatRoot(hash(Buffer.from('a')))],
      ['b', formatRoot(hash(Buffer.from('b')))],
      ['deep/a', root],
    ])
  })
})

describe('outboard, encode, slice, decode, verify', () => {
  test('outboard writes the proof beside the file, and to a pipe', async () => {
    const { outboard } = await createOutboard(content)
    expect(await textOf(['outboard', 'file'])).toBe(`${root}  file\n`)
    expect(readFileSync(join(folder, 'file.obao4')).equals(outboard)).toBe(true)
    const piped = await run(['outboard', '-', '-o', '-'], content)
    expect([piped.code, piped.err, piped.out.equals(outboard)]).toEqual([0, `${root}  -\n`, true])
  })

  test.each(['4', '0', '10'])('what encode writes, decode gives back, in groups of 2^%s', async (log) => {
    const groups = ['--chunk-group-log', log]
    const encoded = (await run(['encode', 'file', ...groups])).out
    expect(encoded.length).toBeGreaterThan(content.length)
    expect(await textOf(['decode', '-', '--root', root, ...groups, '-o', 'out'], encoded)).toBe('')
    expect(readFileSync(join(folder, 'out')).equals(content)).toBe(true)
  })

  test('a slice is decoded with the same range, to exactly its bytes', async () => {
    const range = ['--start', '500001', '--length', '70000']
    expect(await textOf(['slice', 'file', ...range, '-o', 'part'])).toBe('')
    const { out, code } = await run(['decode', 'part', '--root', root, ...range])
    expect([code, out.equals(content.subarray(500_001, 570_001))]).toEqual([0, true])
    const open = (await run(['slice', 'file', '--start', '999000'])).out
    expect((await run(['decode', '-', '--root', root, '--start', '999000'], open)).out.equals(content.subarray(999_000))).toBe(true)
  })

  test('verify says ok for the file that a root names, and for a range of it', async () => {
    expect(await textOf(['verify', 'file', '--root', root])).toBe('file: ok\n')
    expect(await textOf(['verify', '-', '--root', root.toUpperCase()], content)).toBe('-: ok\n')
    await run(['outboard', 'file'])
    const damaged = content.slice()
    damaged[10]! ^= 1
    writeFileSync(join(folder, 'damaged'), damaged)
    const proof = ['--root', root, '--outboard', 'file.obao4']
    expect(await textOf(['verify', 'damaged', ...proof, '--start', '500000'])).toBe('damaged: ok\n')
    expect(await run(['verify', 'damaged', ...proof])).toMatchObject({ code: 1, err: expect.stringContaining('VERIFY_MISMATCH') })
  })
})

describe('what went wrong', () => {
  test('is code 1 for content that the root does not name; no output file is left', async () => {
    const encoded = (await run(['encode', 'file'])).out
    encoded[500_000]! ^= 1
    expect(await run(['decode', '-', '--root', root, '-o', 'wrong'], encoded)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^verified-streaming: VERIFY_MISMATCH: (?!VERIFY_).*\n$/),
    })
    expect(readdirSync(folder).filter((name) => name.startsWith('wrong'))).toEqual([])
    expect((await run(['decode', '-', '--root', root], encoded.subarray(0, 1000))).err).toContain('VERIFY_TRUNCATED')
    expect(await run(['verify', 'file', '--root', '0'.repeat(64)])).toMatchObject({ code: 1 })
  })

  test.each([
    [[], 'which command?'],
    [['nonsense', 'file'], 'no command "nonsense"'],
    [['hash'], 'needs a FILE'],
    [['verify', 'file'], 'needs --root'],
    [['verify', 'file', '--root', 'abc'], 'a root is 64 hexadecimal digits'],
    [['slice', 'file'], 'needs --start'],
    [['slice', 'file', '--start', '1e3'], '--start must be a whole number'],
    [['encode', '-'], 'name a file, not a pipe'],
    [['encode', 'file', 'empty'], 'takes one FILE'],
    [['hash', '--nonsense', 'file'], '--nonsense'],
    [['encode', 'file', '--chunk-group-log', '11'], 'of 0 to 10'],
  ])('is code 2 and one line for wrong use: %j', async (args, message) => {
    const { code, out, err } = await run(args)
    expect([code, out.length]).toEqual([2, 0])
    expect(err).toContain(message)
    expect(err.trimEnd().split('\n')).toHaveLength(1)
  })

  test('is code 3 and one line for a file that cannot be read or written', async () => {
    for (const args of [
      ['hash', 'missing'],
      ['encode', 'file', '-o', 'missing/out'],
      ['verify', 'file', '--root', root, '--outboard', 'missing'],
    ]) {
      const { code, err } = await run(args)
      expect([code, err.trimEnd().split('\n').length]).toEqual([3, 1])
      expect(err).toContain('ENOENT')
    }
    expect(existsSync(join(folder, 'missing'))).toBe(false)
  })

  test('is told in --help, which is no error', async () => {
    expect(await textOf(['--help'])).toContain('Exit code: 0')
    expect(await textOf(['--version'])).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})

test('the bar is drawn on a terminal, ten times a second at most, and taken away at the end; a pipe gets none', () => {
  for (const [isTTY, isQuiet, expected] of [
    [true, false, ['\r\u001b[Khash [###############               ]  50 % 512 MiB 512 MiB/s', '\r\u001b[K']],
    [true, true, []],
    [false, false, []],
  ] as const) {
    const lines: string[] = []
    let time = 0
    const progress = createProgress('hash', 2 ** 30, isQuiet, { stream: { isTTY, write: (text) => lines.push(text) }, now: () => time })
    progress.at(1)
    time = 1000
    progress.at(2 ** 29)
    progress.at(2 ** 29 + 1)
    progress.end()
    expect(lines).toEqual(expected)
  }
})
