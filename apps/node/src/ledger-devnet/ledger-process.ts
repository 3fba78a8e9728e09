/** The process of one node of a ledger devnet: it does what it is told and says what happens. */
import type { Outcome } from '@selvedge/application'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { parseGenesis } from '@selvedge/ledger-types'
import { join } from 'node:path'
import { startNode, type RunningNode } from '../compose/node.ts'
import { LedgerNode } from '../ledger/ledger-node.ts'
import { x25519SecretOf } from '../ledger-tools/ledger-seeds.ts'
import { createOtherNodes } from '../ledger-tools/other-nodes.ts'
import { createLedgerBooks, type LedgerBooks } from '../payments/ledger-books.ts'
import type { AppliedBlock, FromNode, ProcessSettings, ToNode } from './messages.ts'

/** One machine, loopback. */
const CORE_OPTIONS = { batchDelayMsMax: 20, roundDelayMsMin: 20, idleDelayMsMax: 100, leaderTimeoutMsMax: 500 } as const

/** What runs here: a node of the ledger, and the content that it is paid for. */
interface Running {
  readonly node: LedgerNode
  readonly door: RunningNode | undefined
  readonly books: LedgerBooks
}

/** Runs until the devnet says `stop` or goes away. */
export async function runLedgerProcess(): Promise<void> {
  let running: Running | undefined
  await new Promise<void>((resolve) => {
    process.on('disconnect', resolve)
    process.on('message', (message: ToNode) => {
      if (message.type === 'stop') resolve()
      else if (message.type === 'start') {
        start(message.settings).then(
          (started) => (running = started),
          (error: unknown) => say({ type: 'failed', reason: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
        )
      } else if (running !== undefined) void submit(running.node, message.ticket, message.transactions)
    })
  })
  await running?.node.stop()
  await running?.door?.stop()
  await running?.books.stop()
  if (process.connected) process.disconnect()
}

async function start({ genesisFile, node: { seeds, ip, ports }, folder, sources, content }: ProcessSettings): Promise<Running> {
  const genesis = parseGenesis(genesisFile)
  const { chainId } = genesis
  const keys = createKeyPair(seeds.node)
  const books = await createLedgerBooks({
    keys,
    folder: join(folder, 'payments'),
    onClaim: (event) => {
      if (event.type === 'commit') say({ type: 'committing', epoch: event.epoch, transaction: hex(event.transaction) })
    },
    onError: (error) => say({ type: 'failed', reason: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  })
  const websocket = { port: 0, x25519Secret: x25519SecretOf(seeds) }
  const place = { dataDir: join(folder, 'content'), host: '127.0.0.1', port: 0 }
  const others = createOtherNodes(keys.publicKey)
  const served = { ...place, chainId, payments: books.payments, others: others.list, websocket }
  const door = content && (await startNode(keys, { ...served, origins: content.origins }))
  const node = new LedgerNode({
    genesis,
    seeds,
    folder,
    listen: { host: ip.join('.'), port: ports.order },
    syncPort: ports.sync,
    rpcPort: ports.rpc,
    core: CORE_OPTIONS,
    isArchive: true,
    sources,
    attachments: [books.attach, others.attach],
    onBlock: (outcome, timestampMs) => say({ type: 'applied', block: appliedOf(outcome, timestampMs) }),
    onCertificate: (height, certificate) => say({ type: 'certified', height, certificate }),
    onJoined: ({ height, stateRoot }) => say({ type: 'joined', height, stateRoot: hex(stateRoot) }),
    onFailure: (error) => say({ type: 'failed', reason: error.stack ?? error.message }),
  })
  await node.start()
  say({ type: 'started', ...(door === undefined ? {} : { content: { sessions: door.port, websocket: door.websocketPort! } }) })
  return { node, door, books }
}

async function submit(node: LedgerNode, ticket: number, transactions: readonly Uint8Array[]): Promise<void> {
  try {
    say({ type: 'settled', ticket, refused: await node.submit(transactions) })
  } catch {
    say({ type: 'settled', ticket, refused: [...transactions.keys()] }) // stopped: nothing was promised
  }
}

function appliedOf({ height, epoch, stateRoot, executed, final }: Outcome, timestampMs: number): AppliedBlock {
  const transactions = executed.slice(0, -1)
  const idsOf = (isDone: boolean): string[] => transactions.filter(({ code }) => (code === 0) === isDone).map(({ id }) => hex(id))
  const nextCommittee = final?.view.committee.map(({ nodeIndex }) => nodeIndex)
  return {
    height,
    epoch,
    timestampMs,
    stateRoot: hex(stateRoot),
    done: idsOf(true),
    failed: idsOf(false),
    ...(nextCommittee === undefined ? {} : { nextCommittee }),
  }
}

const say = (message: FromNode): void => void process.send?.(message, undefined, {}, () => {}) // a devnet that is gone hears nothing
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
