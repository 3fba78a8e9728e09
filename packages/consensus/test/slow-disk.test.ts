// Goal: what the core has put away is there for it at once, however long the disk takes. Method: an epoch ends under load while every
// sync takes longer than a batch; whatever a client was told of must be ordered, in this epoch or in the next.
import { afterEach, expect, test } from 'vitest'
import { createMemoryNetwork, createMemoryStore, createValidator, type Mode, type Store, type Validator } from '../src/index.ts'
import { AccountsExecutor, encodeTransfer } from './support/accounts.ts'
import { CHAIN, createNodes, planOf } from './support/members.ts'
import { until } from './support/until.ts'

const SYNC_MS = 25
const EPOCHS = 3
const CORE = { batchDelayMsMax: 5, roundDelayMsMin: 5, idleDelayMsMax: 20 }
const running: Validator[] = []
afterEach(() => Promise.all(running.splice(0).map((validator) => validator.stop())))

function createSlowStore(): Store {
  const store = createMemoryStore()
  return { ...store, sync: () => new Promise((resolve) => setTimeout(resolve, SYNC_MS)) }
}

test.each<Mode>(['certified', 'uncertified'])(
  'epochs end under load on a slow disk, and lose nothing that was accepted, %s',
  async (mode) => {
    const nodes = createNodes(4)
    const network = createMemoryNetwork()
    const genesis = planOf(nodes, { mode })
    const { committee, beacon } = genesis
    const epochs = new Map(
      Array.from({ length: EPOCHS }, (_, epoch) => [epoch, { closeAfter: 3, next: { epoch: epoch + 1, committee, mode, beacon } }]),
    )
    const executors = nodes.map(() => new AccountsExecutor({ genesis, epochs }))
    const validators = nodes.map(({ keyPair }, i) =>
      createValidator(
        { network: network.join(keyPair.publicKey), store: createSlowStore(), executor: executors[i]!, nodeKey: keyPair },
        { ...CHAIN, genesis, core: CORE },
      ),
    )
    running.push(...validators)
    await Promise.all(validators.map((validator) => validator.start()))
    const accepted = new Set<bigint>()
    let next = 0n
    let isOver = false
    const submit = async (validator: Validator): Promise<void> => {
      while (!isOver) {
        const id = next++
        const transaction = encodeTransfer({ id, from: 1, to: 2, amount: 1 })
        void validator.submit([transaction]).then((outcome) => (outcome.accepted === 1 ? accepted.add(id) : undefined))
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
    }
    const clients = validators.map(submit)
    await until(() => validators.every((validator) => validator.status().epoch === EPOCHS))
    isOver = true
    await Promise.all(clients)
    await until(() => executors.every(({ ids }) => ids.size >= accepted.size))
    for (const { ids } of executors) expect([...accepted].filter((id) => !ids.has(id))).toEqual([])
  },
)
