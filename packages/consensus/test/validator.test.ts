import { afterEach, describe, expect, test } from 'vitest'
import { createMemoryNetwork, createMemoryStore, createValidator, type Mode, type Validator, type ValidatorOptions } from '../src/index.ts'
import { AccountsExecutor, encodeTransfer } from './support/accounts.ts'
import { CHAIN, createNodes, planOf } from './support/members.ts'
import { until } from './support/until.ts'

const MODES: readonly Mode[] = ['certified', 'uncertified']
const FAST = { batchDelayMsMax: 5, roundDelayMsMin: 5, idleDelayMsMax: 20 }
const running: Validator[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((validator) => validator.stop()))
})

const transfer = (id: number): Uint8Array => encodeTransfer({ id: BigInt(id), from: id % 16, to: (id * 7 + 1) % 16, amount: id % 100 })

interface Member {
  readonly validator: Validator
  readonly executor: AccountsExecutor
}

async function startFour(mode: Mode, options: Partial<ValidatorOptions> = {}): Promise<Member[]> {
  const nodes = createNodes(4)
  const network = createMemoryNetwork()
  const genesis = planOf(nodes, { mode })
  const members = nodes.map(({ keyPair }) => {
    const executor = new AccountsExecutor({ genesis })
    const components = { network: network.join(keyPair.publicKey), store: createMemoryStore(), executor, nodeKey: keyPair }
    const validator = createValidator(components, { ...CHAIN, genesis, core: FAST, ...options })
    running.push(validator)
    return { validator, executor }
  })
  await Promise.all(members.map(({ validator }) => validator.start()))
  return members
}

describe.each(MODES)('four validators in one process, %s', (mode) => {
  test('order what each of them is given, alike', async () => {
    const members = await startFour(mode)
    const submissions = members.map(({ validator }, i) => validator.submit(Array.from({ length: 50 }, (_, k) => transfer(i * 50 + k))))
    for (const submission of await Promise.all(submissions)) expect(submission).toEqual({ accepted: 50, refused: [] })
    await until(() => members.every(({ executor }) => executor.ids.size === 200))
    const shortest = Math.min(...members.map(({ executor }) => executor.lines.length))
    const logs = members.map(({ executor }) => executor.lines.slice(0, shortest))
    for (const log of logs) expect(log).toEqual(logs[0])
    expect(shortest).toBeGreaterThan(0)
  })
})
