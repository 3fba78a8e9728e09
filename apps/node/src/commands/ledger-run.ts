/** `selvedge ledger run`: a node of a ledger until it is asked to stop, or until the rules become newer than it is. */
import { NEWEST_VERSION } from '@selvedge/application'
import { formatNodeAddress } from '@selvedge/client'
import { ConsensusError } from '@selvedge/consensus'
import { tuneCollector } from '@selvedge/consensus/collector'
import { createBlsKeyPair } from '@selvedge/crypto/bls'
import { createKeyPair, type KeyPair } from '@selvedge/crypto/ed25519'
import { transactionId, type Genesis } from '@selvedge/ledger-types'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { contentLog, createLog, keyLog } from '../cli/log.ts'
import type { Report } from '../cli/report.ts'
import { untilSignal } from '../cli/until-signal.ts'
import { VERSION } from '../cli/version.ts'
import { startControl } from '../compose/control.ts'
import { addFile } from '../compose/import-file.ts'
import { startNode, type RunningNode } from '../compose/node.ts'
import { passphraseFrom } from '../compose/passphrase.ts'
import { NodeError } from '../errors.ts'
import { LedgerNode } from '../ledger/ledger-node.ts'
import type { LedgerNodeSettings } from '../ledger/ledger-settings.ts'
import { createEpochArchive } from '../ledger-tools/epoch-archive.ts'
import { createRootFetcher } from '../ledger-tools/fetch-root.ts'
import { readGenesis } from '../ledger-tools/genesis-file.ts'
import { createKeyWatch } from '../ledger-tools/key-watch.ts'
import { loadLedgerSeeds, type LedgerSeeds } from '../ledger-tools/ledger-seeds.ts'
import { createOtherNodes, type OtherNodes } from '../ledger-tools/other-nodes.ts'
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
  readonly origin: readonly string[]
  readonly storeMax?: number
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

/** While a node waits for a state the same reason is said once a minute. */
const WAITING_MS = 60_000

export async function ledgerRun(report: Report, options: LedgerRunOptions): Promise<void> {
  const { data, listen, logLevel } = options
  if (options.archive === true && options.storeMax !== undefined)
    throw new NodeError('NODE_USAGE', '--archive keeps all there was, and --store-max lets go of some: name one of them')
  tuneCollector({ checksSignatures: true })
  const genesis = await readGenesis(options.genesis, options.hash)
  const pin = options.pin === undefined ? undefined : await readPin(options.pin, genesis, options.pinHash)
  const log = createLog(logLevel)
  const passphrase = await passphraseFrom(options.passphraseFile)
  const seeds = await loadLedgerSeeds(data, { passphrase, ...keyLog(log) })
  /** What was opened so far, in that order; closed from the end, whatever failed. */
  const opened: { stop(): Promise<unknown> }[] = []
  try {
    const content = await openContent(options, genesis, createKeyPair(seeds.node), log, opened)
    const { door } = content
    const address = formatNodeAddress(door)
    const ended = Promise.withResolvers<Error>()
    const parts = { ...content, genesis, seeds, log, end: ended.resolve }
    const node = new LedgerNode({ ...settingsOf(options, parts), ...(pin === undefined ? {} : { pin }) })
    opened.push(node)
    const asked = untilSignal()
    log.info({ address, data, listen, order: options.order, sync: options.sync, rpc: options.rpc, version: VERSION }, 'starting')
    await Promise.race([node.start(), asked])
    report.result({ data, phase: node.phase, sessions: door.port, address }, `${data}: ${node.phase}`, address)
    const reason = await Promise.race([asked, ended.promise])
    log.info({ reason: String(reason) }, 'stopping')
    if (reason instanceof Error) throw reason
  } finally {
    for (const part of opened.toReversed()) await part.stop()
    log.info('stopped')
  }
}

interface ContentDoor {
  readonly door: RunningNode
  readonly books: LedgerBooks
  readonly others: OtherNodes
}

/** Content is served, and files are added, whether or not the ledger's state is here yet. What was opened before one of these failed is in `opened`. */
async function openContent(
  { data, listen, origin, storeMax }: LedgerRunOptions,
  { chainId }: Genesis,
  keys: KeyPair,
  log: Logger,
  opened: { stop(): Promise<unknown> }[],
): Promise<ContentDoor> {
  const books = await booksOf(keys, join(data, 'payments'), log)
  opened.push(books)
  const others = createOtherNodes(keys.publicKey)
  const door = await startNode(keys, {
    dataDir: data,
    ...listen,
    origins: origin,
    storeBytesMax: storeMax,
    chainId,
    payments: books.payments,
    others: others.list,
    ...contentLog(log),
  })
  opened.push(door)
  const { status } = door
  opened.push(await startControl(data, formatNodeAddress(door), (file, signal) => addFile(door, file, signal), { status }))
  return { door, books, others }
}

interface LedgerParts extends ContentDoor {
  readonly genesis: Genesis
  readonly seeds: LedgerSeeds
  readonly log: Logger
  readonly end: (error: Error) => void
}

function settingsOf(options: LedgerRunOptions, { genesis, seeds, door, books, others, log, end }: LedgerParts): LedgerNodeSettings {
  return {
    genesis,
    seeds,
    folder: join(options.data, 'ledger'),
    listen: options.order,
    syncPort: options.sync.port,
    rpcPort: options.rpc.port,
    rpcHost: options.rpc.host,
    isArchive: options.archive === true,
    sources: options.source,
    attachments: [
      books.attach,
      others.attach,
      watchOf(seeds, log, end),
      createKeyWatch({ nodeKey: createKeyPair(seeds.node).publicKey, bls: createBlsKeyPair(seeds.bls).publicKey }, end),
      ...(options.archive === true ? [archiveOf(seeds, genesis.chainId, door, log, end)] : []),
    ],
    onWaiting: waitingLog(log),
    onJoined: ({ height, epoch, rows }) => log.info({ height, epoch, rows }, 'a certified state is taken over'),
    onReturned: (transaction, refusal) => {
      const id = Buffer.from(transactionId(transaction)).toString('hex')
      if (refusal === undefined) log.info({ id }, 'a transaction promised before the seat was lost is executed')
      else log.warn({ id, refusal }, 'a transaction promised before the seat was lost is not executed')
    },
    onWarning: (error) => {
      const level = error instanceof ConsensusError ? 'warn' : 'debug' // what strangers do wrong fills no log
      log[level]({ error: error instanceof Error ? error.message : String(error) }, 'something did not work, the node goes on')
    },
    onFailure: end,
  }
}

/** A node that nobody gives a state is silent otherwise, and answers nothing at its RPC. */
function waitingLog(log: Logger): (reasons: string) => void {
  let said = ''
  let saidAtMs = Number.NEGATIVE_INFINITY
  return (reasons) => {
    const nowMs = performance.now()
    if (reasons === said && nowMs - saidAtMs < WAITING_MS) return
    said = reasons
    saidAtMs = nowMs
    log.warn({ reason: reasons }, 'there is no state here, and none to take over yet: sources are asked until there is')
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
