/**
 * The process of one validator of the bench: consensus over mutual TLS, its log on disk, an executor that takes what comes, and a local
 * socket for its generator.
 */
import { tuneCollector } from '@selvedge/consensus/collector'
import { createFileStore } from '@selvedge/consensus/store'
import { createNetworkSwitch, createTlsNetwork, type NetworkSwitch, type TlsAddress } from '@selvedge/consensus/tls'
import {
  createValidator,
  createWorkerVerifier,
  type EpochPlan,
  type Member,
  type Validator,
  type ValidatorComponents,
} from '@selvedge/consensus'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { createHash } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { createOpaqueExecutor, type OpaqueExecutor } from './opaque-executor.ts'
import type { SignatureKind } from './signed-transactions.ts'
import { createCutter, encodeRecords, RECORD, TRANSACTION_BYTES } from './transactions.ts'
import { SCHEDULE_COMMITS, VALIDATOR_OPTIONS } from './validator-options.ts'

export interface StartMessage {
  readonly type: 'start'
  readonly self: number
  readonly ports: readonly number[]
  readonly mode: 'certified' | 'uncertified'
  readonly signatures?: SignatureKind | undefined
  readonly folder: string
  readonly socket: string
}

export type ToValidator =
  | StartMessage
  | { readonly type: 'status' }
  /** Connections to all others end, and are refused until they are named again. */
  | { readonly type: 'reach'; readonly validators: readonly number[] }
  | { readonly type: 'stop' }

export interface ValidatorStatus {
  readonly type: 'status'
  /** Of the leader of the last block. */
  readonly round: number
  readonly index: number
  readonly counts: Readonly<Record<string, number>>
}

export type FromValidator = { readonly type: 'started' } | ValidatorStatus | { readonly type: 'failed'; readonly reason: string }

const CHAIN_ID = 1337
const BLS_KEY_BYTES = 48 // no checkpoints here, so that no key of this kind is ever used

const seedOf = (validator: number): Uint8Array => createHash('sha256').update(`bench validator ${validator}`).digest()
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const say = (message: FromValidator): void => void process.send?.(message, undefined, {}, () => {})

interface Running {
  readonly validator: Validator
  readonly line: NetworkSwitch<TlsAddress>
  readonly executor: OpaqueExecutor
  readonly keys: readonly string[]
}

async function start({ self, ports, mode, signatures, folder, socket }: StartMessage): Promise<Running> {
  mkdirSync(folder, { recursive: true })
  const publicKeys = ports.map((_, i) => createKeyPair(seedOf(i)).publicKey)
  const keys = publicKeys.map(hex)
  const members = publicKeys
    .map((key, nodeIndex): Member => ({ key, blsKey: new Uint8Array(BLS_KEY_BYTES), stake: 1, nodeIndex }))
    .toSorted((a, b) => Buffer.compare(a.key, b.key))
  const genesisHash = createHash('sha256').update('bench').digest()
  const parameters = { scheduleCommits: SCHEDULE_COMMITS }
  const previous = { subDagDigest: genesisHash, timestampMs: 1 }
  const genesis: EpochPlan = { epoch: 0, committee: members, mode, beacon: genesisHash, previous, parameters }
  const executor = createOpaqueExecutor(
    join(folder, 'applied'),
    members.findIndex(({ nodeIndex }) => nodeIndex === self),
    genesis,
  )
  const line = createNetworkSwitch(new Map(keys.map((key, i): [string, TlsAddress] => [key, { host: '127.0.0.1', port: ports[i] ?? 0 }])))
  const keyPair = createKeyPair(seedOf(self))
  const network = line.attach(
    createTlsNetwork({ keyPair, addressOf: line.addressOf }, { chainId: CHAIN_ID, genesisHash, port: ports[self] ?? 0 }),
  )
  const validator = createValidator(
    { network, store: createFileStore({ path: join(folder, 'wal') }), executor, nodeKey: keyPair, ...verifierOf(signatures) },
    { chainId: CHAIN_ID, genesisHash, genesis, core: VALIDATOR_OPTIONS },
  )
  void validator.closed.then((error) => {
    if (error !== undefined) process.stderr.write(`validator ${self}: ${error.code} ${error.message}\n`)
  })
  await validator.start()
  await listen(socket, validator, executor)
  return { validator, line, executor, keys }
}

/** One thread: four validators share the cores. */
function verifierOf(signatures: SignatureKind | undefined): Pick<ValidatorComponents, 'verifier'> {
  if (signatures === undefined) return {}
  return { verifier: createWorkerVerifier({ module: new URL(`./rules-${signatures}.ts`, import.meta.url), threads: 1 }) }
}

/** One generator at a time. */
async function listen(path: string, validator: Validator, executor: OpaqueExecutor): Promise<void> {
  rmSync(path, { force: true })
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy()) // a generator that has ended: the next one connects anew
    executor.onCommitted = (records) => {
      if (!socket.destroyed) socket.write(encodeRecords(records))
    }
    socket.on(
      'data',
      createCutter('framed', (frame) => void submit(validator, frame, socket)),
    )
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
}

async function submit(validator: Validator, frame: Uint8Array, socket: Socket): Promise<void> {
  const transactions: Uint8Array[] = []
  for (let at = 0; at < frame.length; at += TRANSACTION_BYTES) transactions.push(frame.subarray(at, at + TRANSACTION_BYTES))
  const { refused } = await validator.submit(transactions).catch(() => ({ refused: transactions })) // it has stopped
  if (refused.length === 0 || socket.destroyed) return
  socket.write(encodeRecords([{ kind: RECORD.refused, value: refused.length, atNs: process.hrtime.bigint() }]))
}

function obey({ validator, executor, line, keys }: Running, message: Exclude<ToValidator, StartMessage>): void {
  switch (message.type) {
    case 'status':
      return say({ type: 'status', round: executor.round, index: executor.index, counts: validator.status().counts })
    case 'reach':
      return line.reach(message.validators.flatMap((i) => keys[i] ?? []))
    case 'stop':
      return void validator.stop().then(() => process.exit(0))
  }
}

let running: Running | undefined
process.on('message', (message: ToValidator) => {
  if (message.type !== 'start') return running === undefined ? undefined : obey(running, message)
  tuneCollector({ checksSignatures: message.signatures !== undefined })
  start(message).then(
    (started) => {
      running = started
      say({ type: 'started' })
    },
    (error: unknown) => {
      process.stderr.write(`validator ${message.self}: ${String(error)}\n`)
      process.exit(1)
    },
  )
})
process.on('disconnect', () => process.exit(0))
