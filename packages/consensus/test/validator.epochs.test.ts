/** Four validators go through three epochs: the mode changes at one border, a member at the other, and work goes on all the while. */
import { afterEach, expect, test } from 'vitest'
import {
  createMemoryNetwork,
  createMemoryStore,
  createValidator,
  type EpochPlan,
  type NextEpoch,
  type Store,
  type Validator,
} from '../src/index.ts'
import { AccountsExecutor, encodeTransfer } from './support/accounts.ts'
import { CHAIN, createNodes, planOf, type TestNode } from './support/members.ts'
import { until } from './support/until.ts'

const running: Validator[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((validator) => validator.stop()))
})

const nextOf = (nodes: readonly TestNode[], epoch: number, mode: NextEpoch['mode']): NextEpoch => {
  const { committee } = planOf(nodes)
  return { epoch, committee, mode, beacon: new Uint8Array(32).fill(epoch) }
}

test('modes and members change, what was accepted is ordered, and who left serves and says so', async () => {
  const nodes = createNodes(5)
  const old = nodes.slice(0, 4)
  const young = nodes.slice(1)
  const genesis = planOf(old)
  const epochs = new Map([
    [0, { closeAfter: 5, next: nextOf(old, 1, 'uncertified') }],
    [1, { closeAfter: 5, next: nextOf(young, 2, 'certified') }],
  ])
  const network = createMemoryNetwork()
  const retried: Uint8Array[] = []
  const stores: Store[] = []
  const start = async ({ keyPair }: TestNode, plan: EpochPlan, executor: AccountsExecutor): Promise<Validator> => {
    const store = createMemoryStore()
    stores.push(store)
    const components = { network: network.join(keyPair.publicKey), store, executor, nodeKey: keyPair }
    const core = { batchDelayMsMax: 5, roundDelayMsMin: 5, idleDelayMsMax: 20 }
    const onRetry = (transactions: readonly Uint8Array[]): unknown => retried.push(...transactions)
    const validator = createValidator(components, { ...CHAIN, genesis: plan, core, onRetry: (each) => void onRetry(each) })
    running.push(validator)
    await validator.start()
    return validator
  }
  const executors = old.map(() => new AccountsExecutor({ genesis, epochs }))
  const validators = await Promise.all(old.map((node, i) => start(node, genesis, executors[i]!)))

  let id = 0n
  const accepted = new Set<bigint>()
  const submit = async (validator: Validator): Promise<void> => {
    const transfers = Array.from({ length: 10 }, () => ({ id: id++, from: 1, to: 2, amount: 1 }))
    const outcome = await validator.submit(transfers.map(encodeTransfer))
    if (outcome.refused.length === 0) for (const each of transfers) accepted.add(each.id)
    else expect(outcome.refused[0]?.code).toBe('CONSENSUS_NOT_A_MEMBER')
  }
  while (!executors.every(({ lines }) => lines.at(-1)?.epoch === 1 && lines.at(-1)!.isFinal)) {
    await Promise.all(validators.map(submit))
  }

  // The one that comes in brings the state at the end of epoch 1, as a checkpoint would.
  const last = executors[1]!
  const plan = last.lastApplied().plan!
  expect(plan).toMatchObject({ epoch: 2, mode: 'certified' })
  const joined = new AccountsExecutor({ genesis: plan })
  last.balances.forEach((balance, i) => (joined.balances[i] = balance))
  for (const each of last.ids) joined.ids.add(each)
  const newcomer = await start(nodes[4]!, plan, joined)
  await until(() => !validators[0]!.status().isMember)
  await submit(validators[0]!) // refused: it has no seat
  await Promise.all([...validators.slice(1), newcomer].map(submit))

  const left = new Set(retried.map((bytes) => Buffer.from(bytes).readBigUInt64LE(0)))
  const present = [...executors.slice(1), joined]
  await until(() => present.every(({ ids }) => [...accepted].every((each) => ids.has(each) || left.has(each))))
  expect(new Set(executors[1]!.lines.map(({ epoch }) => epoch))).toEqual(new Set([0, 1, 2]))
  const shortest = Math.min(...executors.slice(1).map(({ lines }) => lines.length))
  for (const { lines } of executors.slice(1)) expect(lines.slice(0, shortest)).toEqual(executors[1]!.lines.slice(0, shortest))
  expect(executors[0]!.lines).toEqual(executors[1]!.lines.slice(0, executors[0]!.lines.length))
  expect(validators[1]!.status()).toMatchObject({ epoch: 2, mode: 'certified', isMember: true })
  await until(() => joined.lines.length >= 3)
  await until(() => stores.slice(1, 4).every((store) => !store.epochs().includes(0))) // two epochs old, and reported as closed
  for (const store of stores.slice(1, 4)) expect(store.epochs()).toEqual([1, 2])
  const own = executors[1]!.lines.filter(({ epoch }) => epoch === 2)
  expect(joined.lines.slice(0, own.length)).toEqual(own.slice(0, joined.lines.length))
})
