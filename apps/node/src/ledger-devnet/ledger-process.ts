/** The process of one node of a ledger devnet: it does what it is told and says what happens. */
import type { Outcome } from '@selvedge/application'
import { parseGenesis } from '@selvedge/ledger-types'
import { LedgerNode } from '../ledger/ledger-node.ts'
import type { AppliedBlock, FromNode, ProcessSettings, ToNode } from './messages.ts'

/** One machine, loopback. */
const CORE_OPTIONS = { batchDelayMsMax: 20, roundDelayMsMin: 20, idleDelayMsMax: 100, leaderTimeoutMsMax: 500 } as const

/** Runs until the devnet says `stop` or goes away. */
export async function runLedgerProcess(): Promise<void> {
  let node: LedgerNode | undefined
  await new Promise<void>((resolve) => {
    process.on('disconnect', resolve)
    process.on('message', (message: ToNode) => {
      if (message.type === 'stop') resolve()
      else if (message.type === 'start') {
        start(message.settings).then(
          (started) => (node = started),
          (error: unknown) => say({ type: 'failed', reason: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
        )
      } else if (node !== undefined) void submit(node, message.ticket, message.transactions)
    })
  })
  await node?.stop()
  if (process.connected) process.disconnect()
}

async function start({ genesisFile, node: { seeds, ip, ports }, folder, sources }: ProcessSettings): Promise<LedgerNode> {
  const node = new LedgerNode({
    genesis: parseGenesis(genesisFile),
    seeds,
    folder,
    listen: { host: ip.join('.'), port: ports.order },
    syncPort: ports.sync,
    rpcPort: ports.rpc,
    core: CORE_OPTIONS,
    isArchive: true,
    sources,
    onBlock: (outcome, timestampMs) => say({ type: 'applied', block: appliedOf(outcome, timestampMs) }),
    onCertificate: (height, certificate) => say({ type: 'certified', height, certificate }),
    onJoined: ({ height, stateRoot }) => say({ type: 'joined', height, stateRoot: hex(stateRoot) }),
    onFailure: (error) => say({ type: 'failed', reason: error.stack ?? error.message }),
  })
  await node.start()
  say({ type: 'started' })
  return node
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
