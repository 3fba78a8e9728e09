// Real ledger nodes in this process: LMDB folders, mutual TLS on loopback, RPC. Block time may run faster than the machine's, so that an
// epoch, which has at least twelve seconds of it, takes less of ours.
import type { Application, Outcome } from '@selvedge/application'
import type { Clock } from '@selvedge/consensus'
import { createBlsKeyPair } from '@selvedge/crypto/bls'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import {
  createGenesisNode,
  devGenesis,
  encodeSystemCall,
  formatGenesis,
  parseGenesis,
  signAccountTransaction,
  type Genesis,
  type Parameters,
  type SystemArguments,
  type SystemFunctionName,
} from '@selvedge/ledger-types'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { LedgerNode } from '../src/ledger/ledger-node.ts'
import type { LedgerNodeSettings } from '../src/ledger/ledger-settings.ts'
import { createWallet, type Wallet } from '../src/ledger-devnet/setup.ts'
import { x25519KeyOf } from '../src/ledger-tools/ledger-seeds.ts'

export const CHAIN_ID = 1337
export const MICRO = 1_000_000n
const WEI = 10n ** 12n
const STAKE = 2_000n * MICRO
const MEMBERS = 4
const CORE = { batchDelayMsMax: 20, roundDelayMsMin: 20, idleDelayMsMax: 60, leaderTimeoutMsMax: 500 } as const

export interface TestNode {
  readonly index: number
  readonly seeds: { readonly node: Uint8Array; readonly bls: Uint8Array }
  readonly owner: Wallet
  readonly host: string
  readonly ports: { readonly order: number; readonly rpc: number; readonly sync: number; readonly sessions: number }
  readonly folder: string
}

export interface NetworkOptions {
  /** Nodes of the first committee. With more than `committeeSize` of them, each epoch leaves others without a seat. @default 4 */
  readonly members?: number
  readonly parameters?: Partial<Parameters>
  /** @default what a development network begins with: a cent a gigabyte */
  readonly prices?: Partial<Genesis['prices']>
  /** Block time to time. */
  readonly pace: number
  /** Accounts with money beside the user's. */
  readonly senders?: number
  /** Nodes that are in no list yet, with the indices after the members'. */
  readonly strangers?: number
}

export interface SeenBlock {
  readonly outcome: Outcome
  readonly timestampMs: number
}

export class TestNetwork {
  readonly genesis: Genesis
  readonly genesisFile: Uint8Array
  readonly nodes: readonly TestNode[]
  /** Has money, and is the one governor. */
  readonly user: Wallet
  readonly senders: readonly Wallet[]
  readonly applications: Map<number, Application> = new Map()
  /** By node: what it executed while it ran, in order. */
  readonly blocks: Map<number, SeenBlock[]> = new Map()
  readonly failures: Error[] = []
  readonly #members: number
  readonly #clock: TestClock
  readonly #living = new Map<number, LedgerNode>()
  readonly #waiting = new Set<() => void>()

  private constructor(nodes: readonly TestNode[], options: NetworkOptions) {
    const { members = MEMBERS, pace, senders = 0 } = options
    this.nodes = nodes
    this.#members = members
    this.user = createWallet()
    this.senders = Array.from({ length: senders }, createWallet)
    const timeMs = Date.now()
    this.#clock = fastClock(timeMs, pace)
    this.genesisFile = genesisOf(nodes.slice(0, members), [this.user, ...this.senders], options, timeMs)
    this.genesis = parseGenesis(this.genesisFile)
  }

  static async create(folder: string, options: NetworkOptions): Promise<TestNetwork> {
    const nodes: TestNode[] = []
    for (let index = 0; index < (options.members ?? MEMBERS) + (options.strangers ?? 0); index++) {
      const host = `127.${10 + index}.0.1`
      const [order, sync, sessions] = [await freePort(host), await freePort(host), await freePort(host)]
      const seeds = { node: new Uint8Array(randomBytes(32)), bls: new Uint8Array(randomBytes(32)) }
      const ports = { order, rpc: await freePort('127.0.0.1'), sync, sessions }
      nodes.push({ index, seeds, owner: createWallet(), host, ports, folder: join(folder, `node-${index}`) })
    }
    return new TestNetwork(nodes, options)
  }

  async start(index: number, settings: Partial<LedgerNodeSettings> = {}): Promise<void> {
    const { seeds, host, ports, folder } = this.nodes[index]!
    const seen: SeenBlock[] = []
    this.blocks.set(index, seen)
    const node = new LedgerNode({
      genesis: this.genesis,
      seeds,
      folder,
      listen: { host, port: ports.order },
      rpcPort: ports.rpc,
      syncPort: ports.sync,
      core: CORE,
      clock: this.#clock,
      isArchive: true,
      ...settings,
      attachments: [
        (application) => {
          this.applications.set(index, application)
          return { onBlock: () => {}, onCertificate: () => this.tell(), sayAfterBlock: () => [], stop: async () => {} }
        },
        ...(settings.attachments ?? []),
      ],
      onBlock: (outcome, timestampMs) => {
        seen.push({ outcome, timestampMs })
        this.tell()
      },
      onFailure: (error) => {
        this.failures.push(error)
        this.tell()
      },
    })
    this.#living.set(index, node)
    await node.start()
  }

  /** Block time stands still, and with it the end of the epoch, while `work` runs; blocks go on. */
  async whileTimeStands(work: () => Promise<void>): Promise<void> {
    this.#clock.hold()
    try {
      await work()
    } finally {
      this.#clock.goOn()
    }
  }

  /** The members. */
  async startAll(settings: (node: TestNode) => Partial<LedgerNodeSettings>): Promise<void> {
    await Promise.all(this.nodes.slice(0, this.#members).map((node) => this.start(node.index, settings(node))))
  }

  async stop(index: number): Promise<void> {
    const node = this.#living.get(index)
    this.#living.delete(index)
    await node?.stop()
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#living.keys()].map((index) => this.stop(index)))
  }

  /** Of all nodes but `index`: whom it asks. */
  sourcesOf(index: number): { readonly host: string; readonly port: number }[] {
    return this.nodes.filter((node) => node.index !== index).map(({ host, ports }) => ({ host, port: ports.sync }))
  }

  node(index: number): LedgerNode {
    return this.#living.get(index)!
  }

  application(index: number): Application {
    return this.applications.get(index)!
  }

  heightOf(index: number): number {
    return this.application(index).lastApplied().height
  }

  /** Accepted by node `index`. */
  async submit(index: number, transactions: readonly Uint8Array[]): Promise<void> {
    const refused = await this.#living.get(index)!.submit(transactions)
    if (refused.length > 0) throw new Error(`${refused.length} transactions were refused`)
  }

  /** Something happened that a test may wait for. */
  tell(): void {
    for (const look of this.#waiting) look()
  }

  /** Resolves when it holds; a failure of a node ends the wait. */
  async until(holds: () => boolean): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        const [failure] = this.failures
        if (failure === undefined && !holds()) return
        this.#waiting.delete(look)
        if (failure === undefined) resolve()
        else reject(failure)
      }
      this.#waiting.add(look)
      look()
    })
  }
}

/** A transfer or call, signed, with a fee cap that no test reaches. */
export function signed(from: Wallet, nonce: bigint, to: Uint8Array, micro: bigint, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const fees = { maxPriorityFeePerGas: 0n, maxFeePerGas: 10n ** 15n, gasLimit: 2_000_000n }
  return signAccountTransaction({ form: 'eip1559', chainId: CHAIN_ID, nonce, ...fees, to, value: micro * WEI, data }, from.secretKey)
}

export function signedCall<N extends SystemFunctionName>(from: Wallet, nonce: bigint, name: N, args: SystemArguments<N>): Uint8Array {
  const { to, data } = encodeSystemCall(name, args)
  return signed(from, nonce, to, 0n, data)
}

export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

interface TestClock extends Clock {
  hold(): void
  goOn(): void
}

function fastClock(startMs: number, pace: number): TestClock {
  let passedMs = 0
  let runsSince: number | undefined = performance.now()
  const passed = (): number => passedMs + (runsSince === undefined ? 0 : (performance.now() - runsSince) * pace)
  return {
    nowMs: () => Math.floor(performance.now()),
    unixMs: () => startMs + Math.floor(passed()),
    hold() {
      passedMs = passed()
      runsSince = undefined
    },
    goOn() {
      runsSince ??= performance.now()
    },
    schedule(delayMs, run) {
      const timer = setTimeout(run, delayMs)
      return () => clearTimeout(timer)
    },
  }
}

function genesisOf(nodes: readonly TestNode[], rich: readonly Wallet[], options: NetworkOptions, timeMs: number): Uint8Array {
  const { parameters = {}, prices = {} } = options
  const [user] = rich as [Wallet]
  const keys = { threshold: 1, accounts: [user.address] }
  return formatGenesis(
    devGenesis({
      chainId: CHAIN_ID,
      timeMs,
      parameters: { scheduleCommits: 30, ...parameters },
      prices,
      governors: keys,
      tokens: [{ symbol: 'USD', name: 'US dollar', keys, cap: 1_000n * MICRO }],
      accounts: rich
        .map(({ address }) => ({ address, native: 100_000n * MICRO, balances: [{ token: 1, amount: 10_000n * MICRO }] }))
        .toSorted((a, b) => Buffer.compare(a.address, b.address)),
      nodes: nodes.map(({ seeds, owner, host, ports }) =>
        createGenesisNode({
          chainId: CHAIN_ID,
          timeMs,
          owner: owner.address,
          keys: createKeyPair(seeds.node),
          bls: createBlsKeyPair(seeds.bls),
          x25519: x25519KeyOf(seeds),
          notAfterEpoch: 10_000,
          addresses: [
            { ip: Uint8Array.from(host.split('.').map(Number)), pool: ports.order, sessions: ports.sessions, websocket: 0, pinger: 0 },
          ],
          stake: STAKE,
        }),
      ),
      committee: nodes.map(({ index }) => index),
      services: [
        {
          owner: user.address,
          manifest: createHash('sha256').update('cdn').digest(),
          multiplePpm: 1_000_000,
          payees: [{ account: user.address, ppm: 1_000_000 }],
        },
      ],
    }),
  )
}

/** Of `host`, free a moment ago. */
export async function freePort(host: string): Promise<number> {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
