/**
 * One validator over TLS on loopback, with the small executor and its own load, until it is killed or told to end (SIGTERM).
 *
 * Prints one JSON line for each block that was applied and for each submission that was accepted: what is printed was told to a client.
 */
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { createValidator, type Mode } from '../../src/index.ts'
import { createFileStore } from '../../src/store.node.ts'
import { createTlsNetwork } from '../../src/tls.node.ts'
import { AccountsExecutor, encodeTransfer } from './accounts.ts'
import { CHAIN, createNodes, planOf } from './members.ts'

export interface ChildSetup {
  readonly folder: string
  readonly place: number
  readonly boot: number
  readonly ports: readonly number[]
  readonly mode: Mode
  /** Transfers that are submitted every 20 ms. */
  readonly load: number
}

export type ChildLine =
  /** `count` of transfers, own ones of this life among them. */
  | { readonly type: 'block'; readonly epoch: number; readonly index: number; readonly count: number; readonly isOwn: boolean }
  | { readonly type: 'accepted'; readonly first: string; readonly count: number }
  | { readonly type: 'failed'; readonly code: string }

const { folder, place, boot, ports, mode, load } = JSON.parse(process.argv[2] as string) as ChildSetup
/** Upper half of the ids of this life's transfers. */
const life = (BigInt(place) << 24n) | BigInt(boot)
const say = (line: ChildLine): unknown => writeSync(1, `${JSON.stringify(line)}\n`)
const nodes = createNodes(ports.length)
const genesis = planOf(nodes, { mode })
const { keyPair } = nodes[place]!
const addresses = new Map(
  nodes.map(({ keyPair: { publicKey } }, i) => [Buffer.from(publicKey).toString('hex'), { host: '127.0.0.1', port: ports[i]! }]),
)
const executor = new AccountsExecutor({
  genesis,
  journal: join(folder, `journal-${place}`),
  onBlock: ({ epoch, index }, ids) => say({ type: 'block', epoch, index, count: ids.length, isOwn: ids.some((id) => id >> 32n === life) }),
})
const network = createTlsNetwork({ keyPair, addressOf: (peer) => addresses.get(peer) }, { ...CHAIN, port: ports[place]! })
const store = createFileStore({ path: join(folder, `log-${place}`) })
const core = { batchDelayMsMax: 10, roundDelayMsMin: 10, idleDelayMsMax: 50, leaderTimeoutMsMax: 500 }
const validator = createValidator({ network, store, executor, nodeKey: keyPair }, { ...CHAIN, genesis, core })
await validator.start()

let next = life << 32n
const timer = setInterval(() => {
  const first = next
  next += BigInt(load)
  const transfers = Array.from({ length: load }, (_, i) =>
    encodeTransfer({ id: first + BigInt(i), from: i % 16, to: (place + i * 3) % 16, amount: i }),
  )
  validator.submit(transfers).then(
    ({ accepted, refused }) => {
      if (refused.length === 0) say({ type: 'accepted', first: String(first), count: accepted })
    },
    () => {}, // stopped
  )
}, 20)
process.on('SIGTERM', () => clearInterval(timer))
process.on('SIGUSR2', () => void validator.stop())
const failure = await validator.closed
clearInterval(timer)
if (failure !== undefined) say({ type: 'failed', code: failure.code })
