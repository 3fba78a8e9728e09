import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBlsKeyring } from '@selvedge/crypto/bls'
import { afterEach, describe, expect, test } from 'vitest'
import {
  type BlockCertificate,
  ConsensusError,
  createCheckpointSigner,
  createMemoryNetwork,
  createMemoryStore,
  createValidator,
  createWorkerVerifier,
  checkpointSigningBytes,
  decodeBlockCertificate,
  type Executor,
  type MemoryNetwork,
  type Mode,
  type OrderedBlock,
  type Store,
  type Validator,
  type ValidatorComponents,
  type ValidatorOptions,
} from '../src/index.ts'
import { createFileStore } from '../src/store.node.ts'
import { AccountsExecutor, encodeTransfer } from './support/accounts.ts'
import { CHAIN, createNodes, planOf, type TestNode } from './support/members.ts'
import { until } from './support/until.ts'

const MODES: readonly Mode[] = ['certified', 'uncertified']
const CORE = { batchDelayMsMax: 5, roundDelayMsMin: 5, idleDelayMsMax: 20 }
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

const transfer = (id: number, amount: number = id % 100): Uint8Array =>
  encodeTransfer({ id: BigInt(id), from: id % 16, to: (id * 7 + 1) % 16, amount })
const transfers = (first: number, count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => transfer(first + i))

interface Member {
  readonly node: TestNode
  readonly validator: Validator
  readonly executor: AccountsExecutor
}

interface Parts extends Partial<Omit<ValidatorComponents, 'network' | 'nodeKey' | 'executor'>> {
  readonly executor?: Executor
}

function createMember(
  node: TestNode,
  network: MemoryNetwork,
  options: ValidatorOptions,
  accounts: AccountsExecutor,
  parts: Parts = {},
): Member {
  const { executor = accounts, store = createMemoryStore(), ...rest } = parts
  const nodeKey = node.keyPair
  const validator = createValidator({ network: network.join(nodeKey.publicKey), store, executor, nodeKey, ...rest }, options)
  closers.push(() => validator.stop())
  return { node, validator, executor: accounts }
}

async function startFour(
  mode: Mode,
  details: Partial<ValidatorOptions> = {},
  partsOf: (place: number) => Parts = () => ({}),
): Promise<Member[]> {
  const nodes = createNodes(4)
  const network = createMemoryNetwork()
  const genesis = planOf(nodes, { mode })
  const options = { ...CHAIN, genesis, core: CORE, ...details }
  const members = nodes.map((node) => createMember(node, network, options, new AccountsExecutor({ genesis }), partsOf(node.place)))
  await Promise.all(members.map(({ validator }) => validator.start()))
  return members
}

function expectEqualLogs(executors: readonly AccountsExecutor[]): void {
  const shortest = Math.min(...executors.map(({ lines }) => lines.length))
  for (const { lines } of executors) expect(lines.slice(0, shortest)).toEqual(executors[0]!.lines.slice(0, shortest))
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'selvedge-validator-'))
  closers.push(() => rm(folder, { recursive: true, force: true }))
  return folder
}

describe.each(MODES)('four validators in one process, %s', (mode) => {
  test('order what each of them is given, alike', async () => {
    const members = await startFour(mode)
    const submissions = members.map(({ validator }, i) => validator.submit(transfers(i * 50, 50)))
    for (const submission of await Promise.all(submissions)) expect(submission).toEqual({ accepted: 50, refused: [] })
    await until(() => members.every(({ executor }) => executor.ids.size === 200))
    expectEqualLogs(members.map(({ executor }) => executor))
    expect(members[0]!.executor.lines.length).toBeGreaterThan(0)
    const status = members[0]!.validator.status()
    expect(status).toMatchObject({ phase: 'running', epoch: 0, mode, isMember: true, waitingBytes: 0, droppedFrames: 0 })
    expect(status.peers).toHaveLength(3)
    expect(status.round).toBeGreaterThan(0)
  })

  test('come back from their logs with what they had, and go on', async () => {
    const folder = await temporaryFolder()
    const nodes = createNodes(4)
    const genesis = planOf(nodes, { mode })
    const network = createMemoryNetwork()
    const start = async (): Promise<Member[]> => {
      const members = nodes.map((node) => {
        const executor = new AccountsExecutor({ genesis, journal: join(folder, `journal-${node.place}`) })
        const store = createFileStore({ path: join(folder, `log-${node.place}`) })
        return createMember(node, network, { ...CHAIN, genesis, core: CORE }, executor, { store })
      })
      await Promise.all(members.map(({ validator }) => validator.start()))
      return members
    }
    for (let life = 1; life <= 3; life++) {
      const members = await start()
      const outcomes = await Promise.all(
        members.map(({ validator, node }) => validator.submit(transfers(life * 1_000 + node.place * 50, 50))),
      )
      for (const outcome of outcomes) expect(outcome.accepted).toBe(50)
      if (life === 3) await until(() => members.every(({ executor }) => executor.ids.size === 600))
      await Promise.all(members.map(({ validator }) => validator.stop()))
      expectEqualLogs(members.map(({ executor }) => executor))
      for (const { executor } of members) {
        expect(executor.lines.map(({ index }) => index)).toEqual(executor.lines.map((_, i) => i + 1))
        executor.close()
      }
    }
  })

  test('sign checkpoints together: one certificate of a quorum, on each of them', async () => {
    const nodes = createNodes(4)
    const genesis = planOf(nodes, { mode })
    const certified: Map<number, BlockCertificate>[] = nodes.map(() => new Map())
    const network = createMemoryNetwork()
    const members = nodes.map((node) => {
      const accounts = new AccountsExecutor({ genesis })
      const executor: Executor = {
        lastApplied: () => accounts.lastApplied(),
        execute: (block) => ({ ...accounts.execute(block), checkpoint: { height: block.index, bytes: checkpointOf(block) } }),
      }
      const onCertificate = (_: number, height: number, bytes: Uint8Array): unknown =>
        certified[node.place]!.set(height, decodeBlockCertificate(bytes, 4))
      const options = {
        ...CHAIN,
        genesis,
        core: CORE,
        onCertificate: (...args: [number, number, Uint8Array]) => void onCertificate(...args),
      }
      return createMember(node, network, options, accounts, { executor, checkpointSigner: createCheckpointSigner(node.blsSeed) })
    })
    await Promise.all(members.map(({ validator }) => validator.start()))
    await until(() => certified.every((each) => each.has(2)))
    const keyring = createBlsKeyring(genesis.committee.map(({ blsKey }) => blsKey))
    for (const each of certified) {
      const { bytes, signers, aggregate } = each.get(2)!
      expect(signers.length).toBeGreaterThanOrEqual(3)
      expect(bytes).toEqual(certified[0]!.get(2)!.bytes)
      expect(keyring.isAggregate(aggregate, checkpointSigningBytes(bytes), signers)).toBe(true)
    }
  })
})

/** What all members sign: the digest of the block under its height. */
function checkpointOf({ index, digest }: OrderedBlock): Uint8Array {
  const bytes = Buffer.alloc(52)
  bytes.writeUInt32LE(CHAIN.chainId, 0)
  bytes.writeBigUInt64LE(BigInt(index), 12)
  bytes.set(digest, 20)
  return new Uint8Array(bytes)
}

describe('what is refused', () => {
  test('empty and oversize transactions, each by itself', async () => {
    const [member] = await startFour('certified')
    const outcome = await member!.validator.submit([transfer(1), new Uint8Array(), new Uint8Array(65_537), transfer(2)])
    expect(outcome.accepted).toBe(2)
    expect(outcome.refused).toEqual([
      { index: 1, code: 'CONSENSUS_BAD_TRANSACTION' },
      { index: 2, code: 'CONSENSUS_BAD_TRANSACTION' },
    ])
    expect(await member!.validator.submit([])).toEqual({ accepted: 0, refused: [] })
  })

  test('badly signed ones, by the module of the rules, in worker threads', async () => {
    const module = new URL('./support/transaction-rules.ts', import.meta.url)
    const members = await startFour('certified', {}, () => ({ verifier: createWorkerVerifier({ module, threads: 1 }) }))
    const outcome = await members[0]!.validator.submit([transfer(1), transfer(2, 60_000), new Uint8Array(3), transfer(4)])
    expect(outcome.accepted).toBe(2)
    expect(outcome.refused.map(({ index }) => index)).toEqual([1, 2])
    await until(() => members.every(({ executor }) => executor.ids.size === 2))
    expect([...members[3]!.executor.ids]).toEqual([1n, 4n])
  })

  test.each(['a client', 'another member'])(
    'a transaction of %s that no worker survives stops the validator: it is never guessed',
    async (from) => {
      const module = new URL('./support/transaction-rules.ts', import.meta.url)
      const verifier = createWorkerVerifier({ module, threads: 1 })
      await verifier.start()
      const members = await startFour('certified', {}, (place) => (place === 0 ? { verifier } : {}))
      const { validator } = members[0]!
      const submitted = members[from === 'a client' ? 0 : 1]!.validator.submit([transfer(1, 65_535)])
      if (from === 'a client') await expect(submitted).rejects.toMatchObject({ code: 'CONSENSUS_STOPPED' })
      else expect(await submitted).toMatchObject({ accepted: 1 }) // by a member that checks nothing
      expect(await validator.closed).toMatchObject({ code: 'CONSENSUS_WORKER_FAILED', details: { bytes: 12 } })
      if (from === 'a client') expect(members.map(({ executor }) => executor.ids.size)).toEqual([0, 0, 0, 0])
    },
  )

  test('a start where no worker starts', async () => {
    const module = new URL('./support/no-such-rules.ts', import.meta.url)
    const starting = startFour('certified', {}, (place) => (place === 0 ? { verifier: createWorkerVerifier({ module, threads: 1 }) } : {}))
    await expect(starting).rejects.toMatchObject({ code: 'CONSENSUS_WORKER_FAILED' })
  })

  test('more than may wait, at once, while what was accepted is ordered', async () => {
    const members = await startFour('uncertified', { submitBytesMax: 61_000 })
    const { validator } = members[0]!
    const outcomes = await Promise.all(Array.from({ length: 20 }, (_, i) => validator.submit(transfers(i * 100, 100))))
    const accepted = outcomes.reduce((sum, outcome) => sum + outcome.accepted, 0)
    expect(outcomes.flatMap(({ refused }) => refused).every(({ code }) => code === 'CONSENSUS_OVERLOADED')).toBe(true)
    expect(accepted).toBe(800) // 8 of 100 times 12 + 64 bytes
    await until(() => members.every(({ executor }) => executor.ids.size === accepted))
    expect(validator.status().waitingBytes).toBe(0)
  })

  test.each(MODES)('what a slow executor leaves no room for, %s', async (mode) => {
    let release = (): void => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const nodes = createNodes(4)
    const genesis = planOf(nodes, { mode })
    const accounts = nodes.map(() => new AccountsExecutor({ genesis }))
    const members = await startFour(mode, { core: { ...CORE, batchBytesMax: 1_000 } }, (place) => ({
      executor: {
        lastApplied: () => accounts[place]!.lastApplied(),
        async execute(block) {
          await gate
          return accounts[place]!.execute(block)
        },
      },
    }))
    const { validator } = members[0]!
    let accepted = 0
    let refused = 0
    for (let id = 0; refused === 0; id += 50) {
      const outcome = await Promise.race([
        validator.submit(transfers(id, 50)),
        new Promise<undefined>((resolve) => setTimeout(resolve, 2_000)),
      ])
      if (outcome === undefined) break // waits for a proposal, which waits for the executor
      accepted += outcome.accepted
      refused += outcome.refused.length
      expect(outcome.refused.every(({ code }) => code === 'CONSENSUS_OVERLOADED')).toBe(true)
    }
    expect(validator.status().queued).toBeLessThanOrEqual(9)
    release()
    await until(() => accounts.every(({ ids }) => ids.size >= accepted))
    expectEqualLogs(accounts)
  })
})

describe('the end of a validator', () => {
  test('by stop, twice and in the middle of a start', async () => {
    const [member] = await startFour('certified')
    await Promise.all([member!.validator.stop(), member!.validator.stop()])
    expect(await member!.validator.closed).toBeUndefined()
    expect(member!.validator.status().phase).toBe('stopped')
    await expect(member!.validator.submit([transfer(1)])).rejects.toMatchObject({ code: 'CONSENSUS_STOPPED' })

    const folder = await temporaryFolder()
    const nodes = createNodes(4)
    const genesis = planOf(nodes)
    const store = createFileStore({ path: folder })
    const early = createMember(nodes[0]!, createMemoryNetwork(), { ...CHAIN, genesis }, new AccountsExecutor({ genesis }), { store })
    const starting = early.validator.start()
    await early.validator.stop()
    await expect(starting).rejects.toMatchObject({ code: 'CONSENSUS_STOPPED' })
    await createFileStore({ path: folder }).start() // nobody holds it any more
  })

  test('by an executor that fails', async () => {
    const members = await startFour('certified', {}, (place) =>
      place === 0 ? { executor: { lastApplied: () => ({ index: 0 }), execute: () => Promise.reject(new RangeError('disk')) } } : {},
    )
    const waiting = members[0]!.validator.submit(transfers(0, 1))
    const failure = await members[0]!.validator.closed
    expect(failure).toBeInstanceOf(ConsensusError)
    expect(failure).toMatchObject({ code: 'CONSENSUS_EXECUTOR_FAILED', details: { epoch: 0, index: 1 }, cause: new RangeError('disk') })
    await waiting.catch((error: unknown) => expect(error).toMatchObject({ code: 'CONSENSUS_STOPPED' }))
    await members[1]!.validator.submit(transfers(10, 1)) // the others are three of four
    await until(() => members.slice(1).every(({ executor }) => executor.ids.has(10n)))
  })

  test('by a disk that fails: nothing is sent that rests on it', async () => {
    let isBroken = false
    const breakable = (): Store => {
      const store = createMemoryStore()
      const failed = (): Promise<never> => Promise.reject(new ConsensusError('CONSENSUS_STORE_FAILED', 'no space is left'))
      return { ...store, sync: () => (isBroken ? failed() : store.sync()) }
    }
    const members = await startFour('certified', {}, (place) => (place === 0 ? { store: breakable() } : {}))
    await members[0]!.validator.submit(transfers(0, 1))
    isBroken = true
    const waiting = members[0]!.validator.submit(transfers(50, 1))
    await expect(waiting).rejects.toMatchObject({ code: 'CONSENSUS_STOPPED' })
    expect(await members[0]!.validator.closed).toMatchObject({ code: 'CONSENSUS_STORE_FAILED' })
    await members[1]!.validator.submit(transfers(60, 1))
    await until(() => members.slice(1).every(({ executor }) => executor.ids.has(60n)))
    expect(members[1]!.executor.ids.has(50n)).toBe(false)
  })

  test('a submission that is aborted rejects with the reason and may be ordered nevertheless', async () => {
    const nodes = createNodes(4)
    const genesis = planOf(nodes)
    const alone = createMember(nodes[0]!, createMemoryNetwork(), { ...CHAIN, genesis }, new AccountsExecutor({ genesis }))
    await alone.validator.start()
    const controller = new AbortController()
    const waiting = alone.validator.submit(transfers(0, 1), { signal: controller.signal })
    controller.abort(new RangeError('enough'))
    await expect(waiting).rejects.toThrow('enough')
    await expect(alone.validator.submit(transfers(0, 1), { signal: controller.signal })).rejects.toThrow('enough')
  })
})

test('arguments that cannot be are refused', () => {
  const [node] = createNodes(1)
  const genesis = planOf([node!])
  const network = createMemoryNetwork()
  const make = (details: Partial<ValidatorOptions>) => () =>
    createMember(node!, network, { ...CHAIN, genesis, ...details }, new AccountsExecutor({ genesis }))
  expect(make({ chainId: 0 })).toThrow(expect.objectContaining({ code: 'CONSENSUS_BAD_ARGUMENT' }))
  expect(make({ chainId: 2 ** 32 })).toThrow(expect.objectContaining({ code: 'CONSENSUS_BAD_ARGUMENT' }))
  expect(make({ genesisHash: new Uint8Array(31) })).toThrow(expect.objectContaining({ code: 'CONSENSUS_BAD_ARGUMENT' }))
  const untyped = createValidator as (components?: object, options?: object) => unknown
  const components = { network: network.join(node!.keyPair.publicKey), store: {}, executor: {}, nodeKey: node!.keyPair }
  const wrong: readonly (readonly [components: object | undefined, options: object | undefined, named: string])[] = [
    [undefined, undefined, 'network'],
    [{ ...components, executor: undefined }, { ...CHAIN, genesis }, 'executor'],
    [components, undefined, 'chainId'],
    [components, { chainId: 1, genesis }, 'genesisHash'],
    [components, CHAIN, 'genesis'],
  ]
  for (const [parts, options, named] of wrong) {
    const refusal = expect.objectContaining({ code: 'CONSENSUS_BAD_ARGUMENT', message: expect.stringContaining(named) as string })
    expect(() => untyped(parts, options)).toThrow(refusal)
  }
})
