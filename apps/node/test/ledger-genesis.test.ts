// Goal: four operators make one genesis file with the command line, and whatever is wrong in it is refused with one line that says what.
// Method: the commands themselves, in this process; entries are then damaged one field at a time.
import { parseGenesis, verifyGenesis } from '@selvedge/ledger-types'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scratchFolder } from './harness.ts'
import { cli } from './ledger-cli.ts'

const OWNER = '0x1111111111111111111111111111111111111111'
const GOVERNOR = '0x2222222222222222222222222222222222222222'

async function draftWith(folder: string, nodes: number): Promise<{ draft: string; entries: string[] }> {
  const draft = join(folder, 'draft.json')
  const details = ['--chain-id', '7', '--time', '2027-01-01T00:00:00Z', '--governor', GOVERNOR, '--account', `${OWNER}=5000`]
  expect(await cli('ledger', 'genesis', 'init', draft, '--network', 'main', ...details)).toMatchObject({ code: 0, stderr: '' })
  const entries: string[] = []
  for (let i = 0; i < nodes; i++) {
    const entry = join(folder, `entry-${i}.json`)
    const details = [
      '--data',
      join(folder, `data-${i}`),
      '--owner',
      OWNER,
      '--stake',
      `${2_000 + i}`,
      '--address',
      `192.0.2.${i + 1}:4434,4433`,
    ]
    expect(await cli('ledger', 'genesis', 'sign', draft, ...details, '-o', entry)).toMatchObject({ code: 0, stderr: '' })
    entries.push(entry)
  }
  return { draft, entries }
}

test('four operators sign, one collects, and all get a file whose hash they can pin', async () => {
  const folder = await scratchFolder()
  const { draft, entries } = await draftWith(folder, 4)
  expect((await stat(join(folder, 'data-0', 'bls.key'))).mode & 0o077).toBe(0)
  expect(await cli('ledger', 'genesis', 'add', draft, ...entries)).toMatchObject({ code: 0 })
  const file = join(folder, 'genesis.json')
  const finished = await cli('ledger', 'genesis', 'finish', draft, '-o', file, '--json')
  const { hash } = JSON.parse(finished.stdout) as { hash: string }
  const genesis = parseGenesis(new Uint8Array(await readFile(file)))
  verifyGenesis(genesis)
  expect(Buffer.from(genesis.hash).toString('hex')).toBe(hash)
  expect(genesis).toMatchObject({ chainId: 7, timeMs: Date.parse('2027-01-01T00:00:00Z'), committee: [0, 1, 2, 3] })
  expect(genesis.nodes.map(({ stake }) => stake)).toEqual([2_000_000_000n, 2_001_000_000n, 2_002_000_000n, 2_003_000_000n])
  expect(genesis.parameters.epochMs).toBe(86_400_000)
  expect(await cli('ledger', 'genesis', 'check', file, '--hash', hash)).toMatchObject({ code: 0 })
  const other = await cli(
    'ledger',
    'genesis',
    'check',
    file,
    '--hash',
    hash.replace(/^./, (digit) => (digit === '0' ? '1' : '0')),
  )
  expect(other).toMatchObject({ code: 2, stderr: expect.stringMatching(/has hash .*, not the pinned/) })
  const again = await cli('ledger', 'genesis', 'finish', draft, '-o', file)
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('it is there already') })
})

test('the heaviest nodes have the seats', async () => {
  const folder = await scratchFolder()
  const { draft, entries } = await draftWith(folder, 5)
  await cli('ledger', 'genesis', 'add', draft, ...entries)
  const text = await readFile(draft, 'utf8')
  await writeFile(draft, text.replace(/"committeeSize": "\d+"/, '"committeeSize": "4"'))
  const said = await cli('ledger', 'genesis', 'finish', draft, '-o', join(folder, 'genesis.json'), '--json')
  expect(JSON.parse(said.stdout)).toMatchObject({ nodes: 5, committee: [1, 2, 3, 4] })
})

test('what is wrong with an entry is said in one line, and the draft stays as it was', async () => {
  const folder = await scratchFolder()
  const { draft, entries } = await draftWith(folder, 2)
  const [first = '', second = ''] = entries
  await cli('ledger', 'genesis', 'add', draft, first)
  const before = await readFile(draft, 'utf8')
  const entry = JSON.parse(await readFile(second, 'utf8')) as Record<string, string>
  const known = JSON.parse(await readFile(first, 'utf8')) as Record<string, string>
  const flipped = (name: string): string => `${entry[name]!.slice(0, -1)}${entry[name]!.endsWith('0') ? '1' : '0'}`
  const wrong: readonly (readonly [Record<string, string>, RegExp])[] = [
    [known, /has a key that another has/],
    [{ ...entry, bls: known.bls!, pop: known.pop! }, /has a key that another has/],
    [{ ...entry, nodeSig: flipped('nodeSig') }, /nodeSig is not of this entry/],
    [{ ...entry, owner: flipped('owner') }, /nodeSig is not of this entry/],
    [{ ...entry, addresses: known.addresses! }, /nodeSig is not of this entry/],
    [{ ...entry, pop: known.pop! }, /pop does not prove the BLS key/],
    [{ ...entry, noiseRecord: known.noiseRecord! }, /noiseRecord is another node's/],
    [{ ...entry, stake: '1' }, /has less than minStake/],
    [{ ...entry, stake: '2e9' }, /must be an integer in decimal/],
    [{ ...entry, nodeKey: '0xzz' }, /must be lower-case hex/],
    [{ ...entry, more: '1' }, /is no entry of/],
  ]
  for (const [fields, words] of wrong) {
    const path = join(folder, 'wrong.json')
    await writeFile(path, JSON.stringify(fields))
    const said = await cli('ledger', 'genesis', 'add', draft, path)
    expect(said).toMatchObject({ code: 2, stdout: '' })
    expect(said.stderr).toMatch(words)
    expect(said.stderr).toMatch(/^selvedge: .*wrong\.json[^\n]*\n$/)
    expect(await readFile(draft, 'utf8')).toBe(before)
  }
})

test('an entry of another network or another time is refused', async () => {
  const folder = await scratchFolder()
  const { draft, entries } = await draftWith(folder, 1)
  const text = await readFile(draft, 'utf8')
  for (const changed of [text.replace('"chainId": "7"', '"chainId": "8"'), text.replace(/"timeMs": "\d+"/, '"timeMs": "1"')]) {
    expect(changed).not.toBe(text)
    await writeFile(draft, changed)
    const said = await cli('ledger', 'genesis', 'add', draft, ...entries)
    expect(said).toMatchObject({ code: 2, stderr: expect.stringMatching(/nodeSig is not of this entry|noiseRecord is not signed/) })
  }
})

test('wrong words are one line and exit code 2', async () => {
  const folder = await scratchFolder()
  const draft = join(folder, 'draft.json')
  const init = ['ledger', 'genesis', 'init', draft, '--chain-id', '7'] as const
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [[...init, '--governor', '0x12'], /--governor: "0x12" is not an address/],
    [[...init, '--governor', GOVERNOR, '--time', 'tomorrow'], /--time: "tomorrow" is not a time/],
    [[...init, '--governor', GOVERNOR, '--account', `${OWNER}=1.0000001`], /--account: "1.0000001" is not an amount/],
    [[...init, '--governor', GOVERNOR, '--threshold', '2'], /threshold from 1 to 1/],
    [['ledger', 'genesis', 'finish', join(folder, 'none.json'), '-o', 'x'], /none\.json cannot be read/],
    [['ledger', 'replay', folder, '--genesis', join(folder, 'none.json')], /none\.json cannot be read/],
    [['ledger', 'nothing'], /unknown command/],
  ]
  for (const [args, words] of wrong) {
    const said = await cli(...args)
    expect(said.stderr).toMatch(words)
    expect(said.stderr.trimEnd()).not.toContain('\n')
    expect(said.code === 1 || said.code === 2).toBe(true)
  }
  expect(await cli('ledger', 'genesis', 'init', draft, '--chain-id', '7', '--governor', GOVERNOR)).toMatchObject({ code: 0 })
  const few = await cli('ledger', 'genesis', 'finish', draft, '-o', join(folder, 'genesis.json'))
  expect(few).toMatchObject({ code: 2, stderr: expect.stringContaining('0 nodes are too few') })
})
