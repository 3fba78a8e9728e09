import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { parseLine, run, scratchFolder, start } from './harness.ts'

vi.setConfig({ testTimeout: 600_000 }) // processes are started here, and nothing is said of how long they take

const KEY = '00'.repeat(32)

describe('wrong use is one clear line, exit code 2 and no stack', () => {
  test.each([
    ['an unknown command', ['fetch'], /unknown command 'fetch'/],
    ['an unknown option', ['get', 'bafkqaaa', '--fast'], /unknown option '--fast'/],
    ['no address', ['get'], /missing required argument 'address'/],
    ['an address that is none', ['get', 'nonsense', '--node', `selvedge://127.0.0.1:1/${KEY}`], /neither a CID nor a root/],
    ['a range that is none', ['get', 'bafkqaaa', '--range', '9-3'], /"9-3" is not FIRST-LAST/],
    ['a size that is none', ['get', 'bafkqaaa', '--max', '10GB'], /"10GB" is not a size, such as 10GiB/],
    ['a size beyond all', ['get', 'bafkqaaa', '--max', '9999999999TiB'], /is not a size/],
    ['a path of no form', ['get', 'docs/readme', '--node', `selvedge://127.0.0.1:1/${KEY}`], /ipfs:\/\/CID\/path/],
    ['a path that goes up', ['get', 'ipfs://bafkqaaa/../x', '--node', `selvedge://127.0.0.1:1/${KEY}`], /no file name/],
    ['a node address that is none', ['get', 'bafkqaaa', '--node', 'localhost:4433'], /not a node address/],
    ['no node anywhere', ['get', 'bafkqaaa'], /no node to ask/],
    ['a listening address that is none', ['run', '--listen', 'here'], /"here" is not HOST:PORT/],
    ['an origin that is no URL', ['run', '--origin', 'ftp://x'], /not an http\(s\) URL/],
    ['a log level that is none', ['run', '--log-level', 'loud'], /log-level/],
    ['an archive that lets go', ['ledger', 'run', '--genesis', 'none', '--archive', '--store-max', '16MiB'], /name one of them/],
    [
      'one of a ledger node',
      ['ledger', 'run', '--genesis', 'x', '--log-level', 'loud'],
      /log-level.*Allowed choices are trace, debug, info/,
    ],
    [
      'a door of a ledger node that is none',
      ['ledger', 'run', '--genesis', 'x', '--order', 'here'],
      /'--order <host:port>'.*"here" is not HOST:PORT/,
    ],
    ['a source that is none', ['ledger', 'run', '--genesis', 'x', '--source', 'there'], /'--source <host:port>'.*"there" is not HOST:PORT/],
    ['a file that is not there', ['add', 'nothing-here'], /nothing-here cannot be read/],
    ['a folder instead of a file', ['add', '.'], /is not a file; to serve a folder, use: selvedge origin/],
    ['an origin folder that is not there', ['origin', 'nothing-here'], /nothing-here cannot be read/],
    ['--json without a place for the bytes', ['get', 'bafkqaaa', '--json', '--node', `selvedge://127.0.0.1:1/${KEY}`], /--json needs -o/],
  ])('%s', async (_, args, message) => {
    const ran = await run(args, await scratchFolder())
    expect(ran.code).toBe(2)
    expect(ran.stderr.trim().split('\n')).toHaveLength(1)
    expect(ran.stderr).toMatch(message)
    expect(ran.stderr).toMatch(/^selvedge: /)
    expect(ran.stderr).not.toMatch(/\n\s+at /)
  })

  test('with --json it is also one line of JSON', async () => {
    const ran = await run(['get', 'bafkqaaa', '--range', 'x', '--json'], await scratchFolder())
    expect(parseLine(ran)).toMatchObject({ ok: false, error: { code: 'NODE_USAGE' } })
    expect(ran.code).toBe(2)
  })
})

test('what fails without being wrong use has exit code 1 and its code', async () => {
  const folder = await scratchFolder()
  const ran = await run(['get', 'bafkqaaa', '-o', 'out', '--node', `selvedge://127.0.0.1:1/${KEY}`, '--json'], folder)
  expect(ran.code).toBe(1)
  expect(parseLine(ran)).toMatchObject({ ok: false, error: { code: 'CLIENT_UNREACHABLE' } })
  expect(ran.stderr.trim().split('\n')).toHaveLength(1)
})

test.each([[[]], [['--help']], [['run', '--help']], [['get', '--help']], [['add', '--help']], [['origin', '--help']]])(
  'help teaches by example: %j',
  async (args) => {
    const ran = await run(args, await scratchFolder())
    expect(ran.code).toBe(0)
    expect(ran.stdout).toMatch(/Usage: selvedge/)
    expect(ran.stdout).toMatch(/\$ selvedge /)
    expect(ran.stdout).not.toContain('[object')
  },
)

test('it says which version it is', async () => {
  const { version } = JSON.parse(await readFile(join(import.meta.dirname, '..', 'package.json'), 'utf8')) as { readonly version: string }
  expect(await run(['--version'], await scratchFolder())).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
})

test('a reader that leaves ends the command without a word', async () => {
  const child = start(['get', '--help'], await scratchFolder())
  let stderr = ''
  child.stderr!.setEncoding('utf8').on('data', (part: string) => (stderr += part))
  child.stdout!.destroy()
  const [code] = (await once(child, 'close')) as [number | null]
  expect({ code, stderr }).toEqual({ code: 141, stderr: '' })
})

test('a file is added to a store that no node has, and has the CID that IPFS gives it', async () => {
  const folder = await scratchFolder()
  await writeFile(join(folder, 'hello.txt'), 'hello world\n')
  const ran = await run(['add', 'hello.txt', '--data', 'data', '--json'], folder)
  expect(parseLine(ran)).toEqual({
    file: join(folder, 'hello.txt'),
    cid: 'bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4', // sha2-256 of "hello world\n", raw
    root: 'dc5a4edb8240b018124052c330270696f96771a63b45250a5c17d3000e823355', // b3sum of the same
    size: 12,
  })
  const again = await run(['add', 'hello.txt', '--data', 'data'], folder)
  expect(again.stdout).toContain('bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4')
})
