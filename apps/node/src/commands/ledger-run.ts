/** `selvedge ledger run`: a node of a ledger until it is asked to stop, or until the rules become newer than it is. */
import { NEWEST_VERSION } from '@selvedge/application'
import { ConsensusError } from '@selvedge/consensus'
import { tuneCollector } from '@selvedge/consensus/collector'
import { createKeyPair, type KeyPair } from '@selvedge/crypto/ed25519'
import { transactionId } from '@selvedge/ledger-types'
import { join } from 'node:path'
import { destination, pino, type Logger } from 'pino'
import type { Report } from '../cli/report.ts'
import { untilSignal } from '../cli/until-signal.ts'
import { startNode, type RunningNode } from '../compose/node.ts'
import { passphraseFrom } from '../compose/passphrase.ts'
import { NodeError } from '../errors.ts'
import { LedgerNode } from '../ledger/ledger-node.ts'
import { createEpochArchive } from '../ledger-tools/epoch-archive.ts'
import { createRootFetcher } from '../ledger-tools/fetch-root.ts'
import { readGenesis } from '../ledger-tools/genesis-file.ts'
import { loadLedgerSeeds, type LedgerSeeds } from '../ledger-tools/ledger-seeds.ts'
import { createLedgerBooks, type LedgerBooks } from '../payments/ledger-books.ts'
import { readPin } from '../ledger-tools/pin-file.ts'
import { createVersionWatch } from '../ledger-tools/version-watch.ts'

interface HostAndPort {
  readonly host: string
  readonly port: number
}

export interface LedgerRunOptions {
  readonly genesis: string
  readonly hash?: string
  readonly data: string
  readonly listen: HostAndPort
  readonly order: HostAndPort
  readonly sync: HostAndPort
  readonly rpc: HostAndPort
  readonly source: readonly HostAndPort[]
  readonly archive?: true
  readonly pin?: string
  readonly pinHash?: string
  readonly passphraseFile?: string
  readonly logLevel: string
}

export async function ledgerRun(report: Report, options: LedgerRunOptions): Promise<void> {
  const { data, listen, logLevel } = options
  tuneCollector()
  const genesis = await readGenesis(options.genesis, options.hash)
  const pin = options.pin === undefined ? undefined : await readPin(options.pin, genesis, options.pinHash)
  const log = pino({ name: 'selvedge', level: logLevel }, destination({ dest: 2, sync: true }))
  const seeds = await loadLedgerSeeds(data, {
    passphrase: await passphraseFrom(options.passphraseFile),
    onPlain: (path) => log.info({ path }, 'the key is not encrypted on disk: a passphrase (--passphrase-file) does that'),
  })
  const { chainId } = genesis
  const keys = createKeyPair(seeds.node)
  const books = await booksOf(keys, join(data, 'payments'), log)
  const onError = (error: unknown): void => log.error({ err: error }, 'a client that pays was sent away')
  const door = await startNode(keys, { dataDir: data, ...listen, origins: [], chainId, payments: books.payments, onError })
  const ended = Promise.withResolvers<Error>()
  const node = new LedgerNode({
    genesis,
    seeds,
    folder: join(data, 'ledger'),
    listen: options.order,
    syncPort: options.sync.port,
    rpcPort: options.rpc.port,
    rpcHost: options.rpc.host,
    isArchive: options.archive === true,
    sources: options.source,
    ...(pin === undefined ? {} : { pin }),
    attachments: [
      books.attach,
      watchOf(seeds, log, ended.resolve),
      ...(options.archive === true ? [archiveOf(seeds, chainId, door, log, ended.resolve)] : []),
    ],
    onReturned: (transaction, refusal) => {
      const id = Buffer.from(transactionId(transaction)).toString('hex')
      if (refusal === undefined) log.info({ id }, 'a transaction promised before the seat was lost is executed')
      else log.warn({ id, refusal }, 'a transaction promised before the seat was lost is not executed')
    },
    onWarning: (error) => {
      const level = error instanceof ConsensusError ? 'warn' : 'debug' // what strangers do wrong fills no log
      log[level]({ error: error instanceof Error ? error.message : String(error) }, 'something did not work, the node goes on')
    },
    onFailure: ended.resolve,
  })
  const asked = untilSignal()
  try {
    await Promise.race([node.start(), asked])
    report.result({ data, phase: node.phase, sessions: door.port }, `${data}: ${node.phase}`)
    const reason = await Promise.race([asked, ended.promise])
    log.info({ reason: String(reason) }, 'stopping')
    if (reason instanceof Error) throw reason
  } finally {
    await node.stop()
    await door.stop()
    await books.stop()
  }
}

function booksOf(keys: KeyPair, folder: string, log: Logger): Promise<LedgerBooks> {
  return createLedgerBooks({
    keys,
    folder,
    onClaim: (event) => {
      if (event.type === 'claiming') log.info({ ...event, total: String(event.total) }, 'claiming for delivered content, in micro-USD')
      else if (event.type === 'over') log.info(event, event.isPaid ? 'a claim is paid' : 'a claim is void')
    },
    onError: (error) =>
      log.warn({ error: error instanceof Error ? error.message : String(error) }, 'something is wrong with what is claimed or kept for it'),
  })
}

function watchOf(seeds: LedgerSeeds, log: Logger, end: (error: Error) => void): ReturnType<typeof createVersionWatch> {
  return createVersionWatch({
    keys: createKeyPair(seeds.node),
    newest: NEWEST_VERSION,
    onNotice: (notice) =>
      log.warn(notice, 'governors want a version of the rules that this node does not have: install newer software before it holds'),
    onEnd: ({ version, epoch, newest }) => {
      end(
        new NodeError('NODE_TOO_OLD', `epoch ${epoch} runs under version ${version}, this node has ${newest}: install newer software`, {
          version,
          epoch,
        }),
      )
    },
  })
}

function archiveOf(
  seeds: LedgerSeeds,
  chainId: number,
  { store }: RunningNode,
  log: Logger,
  end: (error: Error) => void,
): ReturnType<typeof createEpochArchive> {
  const hex = (root: Uint8Array): string => Buffer.from(root).toString('hex')
  return createEpochArchive(
    { store, fetch: createRootFetcher(chainId) },
    {
      nodeKey: createKeyPair(seeds.node).publicKey,
      onFile: ({ epoch, root, what }) => log.info({ epoch, root: hex(root), what }, 'epoch file'),
      onRefused: (epoch, root, reason) => log.warn({ epoch, root: hex(root), reason }, 'epoch file refused'),
      onError: (error) => end(error instanceof Error ? error : new Error(String(error))),
    },
  )
}
