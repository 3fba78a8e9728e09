// Goal: whoever owns a node brings it into the committee, and takes it out again, by commands alone; nothing is sent in a dry run, and what the ledger
// refuses is one line that says why.
// Method: four real members, a stranger that follows, and its owner with a key file; the commands are processes that know an RPC address.
import { committees, nodes, NODE_STATES } from '@selvedge/application'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { decodeCheckpoint } from '@selvedge/ledger-types'
import { chmod, copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createVersionWatch } from '../src/ledger-tools/version-watch.ts'
import { parseLine, run, type Ran } from './harness.ts'
import { CHAIN_ID, hexOf, MICRO, signed, TestNetwork } from './ledger-network.ts'

const STRANGER = 4
const MS_MAX = 240_000

let folder: string
let network: TestNetwork
let data: string
let key: string

beforeAll(async () => {
  const temporary = join(import.meta.dirname, '..', '.tmp')
  await mkdir(temporary, { recursive: true })
  folder = await mkdtemp(join(temporary, 'owner-'))
  network = await TestNetwork.create(folder, { pace: 3, strangers: 1, parameters: { committeeSize: 5 } })
  await network.startAll(({ index }) => ({ sources: network.sourcesOf(index) }))
  const { seeds, owner } = network.nodes[STRANGER]!
  data = join(folder, 'data')
  key = join(folder, 'owner.key')
  await mkdir(data)
  const files = { [join(data, 'node.key')]: seeds.node, [join(data, 'bls.key')]: seeds.bls, [key]: owner.secretKey }
  for (const [path, secret] of Object.entries(files)) await writeFile(path, `${hexOf(secret)}\n`, { mode: 0o600 })
  await network.submit(0, [signed(network.user, 0n, owner.address, 10_000n * MICRO)])
  await network.until(() => network.application(0).balance(owner.address, 0) > 0n)
}, 60_000)

afterAll(async () => {
  await network.stopAll()
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
})

const rpcOf = (index: number): string => `http://127.0.0.1:${network.nodes[index]!.ports.rpc}`

/** Through the door of a member, or of the stranger itself, which passes it on. */
const owner = (word: string, ...args: readonly string[]): Promise<Ran> =>
  run(['ledger', word, ...args, '--rpc', rpcOf(1), '--key', key, '--chain-id', String(CHAIN_ID)])
const json = async (word: string, ...args: readonly string[]): Promise<Record<string, unknown>> => {
  const ran = await owner(word, ...args, '--json')
  expect(ran).toMatchObject({ code: 0 })
  return parseLine(ran) as Record<string, unknown>
}

test(
  'a fifth node registers, stakes and opts in by commands alone, and is in the committee two epochs later',
  async () => {
    const { ports, host, owner: wallet } = network.nodes[STRANGER]!
    const unheard = (): never => expect.unreachable('no version is proposed here')
    const watch = { keys: createKeyPair(network.nodes[STRANGER]!.seeds.node), newest: 2, onNotice: unheard, onEnd: unheard }
    await network.start(STRANGER, { sources: network.sourcesOf(STRANGER), newestVersion: 2, attachments: [createVersionWatch(watch)] })
    const register = ['--data', data, '--address', `${host}:${ports.order},${ports.sessions}`] as const

    const dry = await owner('register', ...register, '--stake', '1500', '--dry-run')
    expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining('with a stake of 1500') })
    expect(dry.stdout).toContain('the ledger would take it now')
    const poor = await owner('register', ...register, '--stake', '999.5')
    expect(poor).toMatchObject({ code: 1, stderr: 'selvedge: refused with code 40 (amount): the stake is below the least stake, 1000\n' })
    expect(network.application(0).state.get(nodes, STRANGER)).toBeUndefined()

    const registered = await json('register', ...register, '--stake', '1500')
    expect(registered).toMatchObject({ ok: true, nodeIndex: STRANGER, stake: String(1_500n * MICRO), isFinal: true })
    const again = await owner('register', ...register, '--stake', '1500')
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('code 41 (key in use)') })
    const staked = await owner('stake', '500', '--data', data)
    expect(staked.stdout).toMatch(
      /^add 500 to the stake of node 4.*\nsent 0x[0-9a-f]{64}\nexecuted in block \d+.*\nblock \d+ is certified: final\nnode 4 is Idle, stake 2000/,
    )

    // It has no seat and asked for none, and says all the same which rules it can execute.
    await network.until(() => network.application(0).state.get(nodes, STRANGER)!.newestVersion === 2)

    const { height } = await json('opt-in', '--data', data)
    const { checkpoint } = network.application(0).history.recordOf(height as number)!
    const { epoch } = decodeCheckpoint(checkpoint)
    await network.until(() => network.application(0).lastApplied().epoch >= epoch + 2)
    const seatsIn = (at: number): readonly number[] =>
      network
        .application(0)
        .state.get(committees, at)!
        .map(({ nodeIndex }) => nodeIndex)
    expect([seatsIn(epoch + 1).includes(STRANGER), seatsIn(epoch + 2).includes(STRANGER)]).toEqual([false, true])
    await network.until(() => network.node(STRANGER).phase === 'ordering')

    const status = await run(['ledger', 'status', '--data', data, '--rpc', rpcOf(STRANGER), '--json'])
    expect(parseLine(status)).toMatchObject({ ok: true, nodeIndex: STRANGER, state: 'Active', stake: String(2_000n * MICRO), seats: 5 })
    expect(parseLine(status)).toMatchObject({ owner: `0x${hexOf(wallet.address)}`, seat: expect.any(Number) as number })
    const copy = join(folder, 'copy') // of the one key that says which node it is: nothing is made beside it
    await mkdir(copy)
    await copyFile(join(data, 'node.key'), join(copy, 'node.key'))
    expect(parseLine(await run(['ledger', 'status', '--data', copy, '--rpc', rpcOf(0), '--json']))).toMatchObject({ nodeIndex: STRANGER })
    expect(await readdir(copy)).toEqual(['node.key'])
    expect(parseLine(status)).toMatchObject({ ownerUsd: '0', claims: [] })
  },
  MS_MAX,
)

test(
  'and out again: opt out, unstake, and what is refused says why',
  async () => {
    const some = await owner('unstake', '1500', '--data', data)
    expect(some).toMatchObject({ code: 1, stderr: expect.stringContaining('its stake is 2000, and while it is Active') })
    const nothing = await owner('withdraw')
    expect(nothing).toMatchObject({ code: 1, stderr: expect.stringContaining('nothing of this account is unbonded yet') })
    const foreign = await owner('opt-out', '--node', '0')
    expect(foreign).toMatchObject({ code: 1, stderr: expect.stringContaining('code 44 (not owner): another account owns this node') })
    expect(await json('opt-out', '--node', String(STRANGER))).toMatchObject({ state: 'OptingOut' })
    await network.until(() => network.application(0).state.get(nodes, STRANGER)?.state === NODE_STATES.idle)
    expect(await json('unstake', 'all', '--data', data)).toMatchObject({ state: 'Idle', stake: '0' })
  },
  MS_MAX,
)

test('a key on the command line, one that others may read, one that is not there, another chain and no node are refused in one line', async () => {
  const open = join(folder, 'open.key')
  await writeFile(open, '11'.repeat(32))
  await chmod(open, 0o644)
  const optIn = ['ledger', 'opt-in', '--node', '0', '--rpc', rpcOf(0), '--chain-id', String(CHAIN_ID)]
  const closed = ['ledger', 'opt-in', '--node', '0', '--rpc', 'http://127.0.0.1:9', '--chain-id', String(CHAIN_ID)]
  const [line, readable, absent, chain, unnamed, silent] = await Promise.all([
    run([...optIn, '--key', `0x${'11'.repeat(32)}`]),
    run([...optIn, '--key', open]),
    run([...optIn, '--key', join(folder, 'no.key')]),
    run(['ledger', 'opt-in', '--node', '0', '--rpc', rpcOf(0), '--chain-id', '5', '--key', key]),
    run(['ledger', 'opt-in', '--node', '0', '--rpc', rpcOf(0), '--key', key]),
    run([...closed, '--key', key]),
  ])
  expect(line).toMatchObject({ code: 2, stderr: expect.stringContaining('--key names a file') })
  expect(readable).toMatchObject({ code: 1, stderr: expect.stringContaining('chmod 600') })
  expect(absent).toMatchObject({ code: 1, stderr: expect.stringContaining('is not there') })
  expect(chain).toMatchObject({ code: 2, stderr: expect.stringContaining(`is of chain ${CHAIN_ID}, not 5`) })
  expect(unnamed).toMatchObject({ code: 2, stderr: expect.stringContaining('--chain-id') })
  expect(silent).toMatchObject({ code: 1, stderr: expect.stringContaining('http://127.0.0.1:9 cannot be asked') })
})
