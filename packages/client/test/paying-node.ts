/** Real nodes that are paid, for tests: session server with both doors, content server over memory, the books, their store on disk. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createContentServer, type ContentAnswer, type ContentSourcePort } from '@selvedge/content'
import { createKeyPair, type KeyPair } from '@selvedge/crypto'
import { x25519KeyOf } from '@selvedge/crypto/noise'
import { addressOf, secp256k1PublicKeyOf, signSecp256k1 } from '@selvedge/crypto/secp256k1'
import {
  decodeAcknowledgement,
  delegationDigestOf,
  type Acknowledgement,
  type Delegation,
  type DelegationFields,
  type EpochRules,
} from '@selvedge/delivery-acknowledgement'
import { createBooks, createFileAckStore, type Books } from '@selvedge/delivery-acknowledgement/node'
import type { AckFrame, LaneEnd, NodeLink, NodePayments, PayingSession, SessionMeter } from '@selvedge/handshake'
import { createSessionServer, type LaneRequest } from '@selvedge/handshake/tls'
import { createWebSocketDoor } from '@selvedge/handshake/websocket-server'
import { encodeNoiseRecord, noiseRecordSigningBytes } from '@selvedge/ledger-types'
import { onTestFinished } from 'vitest'
import type { NodeAddress, PayingAccount, WebSocketAddress } from '../src/index.ts'

export const CHAIN_ID = 1337
export const WINDOW: number = 256 * 1024
const EPOCH = 5n
/** A cent for a gigabyte. */
const PRICES = { priceVersion: 3, bytePrice: 10n, cpuPrice: 0n }

/** What lanes with so many DATA bytes together cost in µUSD. */
export const priceOfBytes = (bytes: bigint): bigint => (bytes * 10n) / 1_000_000n

export function payingAccount(fields: Partial<DelegationFields> = {}): PayingAccount {
  const secret = new Uint8Array(32).fill(7)
  const sessionKey = createKeyPair()
  const about: DelegationFields = {
    account: addressOf(secp256k1PublicKeyOf(secret)),
    sessionKey: sessionKey.publicKey,
    spendCap: 10n ** 9n,
    notAfterEpoch: 100n,
    nonce: 1n,
    services: [],
    ...fields,
  }
  const { signature, v } = signSecp256k1(delegationDigestOf(CHAIN_ID, about), secret)
  const delegation: Delegation = { ...about, signature: Uint8Array.of(...signature, v) }
  return { delegation, sessionKey }
}

interface PaidLane {
  sent: bigint
  acknowledged: bigint
  how: LaneEnd | undefined
}

/** The books' meter of one session, and what passed through it. */
export class WatchedMeter implements SessionMeter {
  readonly acknowledgements: Acknowledgement[] = []
  /** How many came. */
  ticks = 0
  readonly lanes: Map<number, PaidLane> = new Map()
  /** Codes for which the books ended the session. */
  readonly faults: number[] = []
  /** The largest that was told. */
  window: number = WINDOW
  isOver = false
  readonly #meter: SessionMeter

  constructor(meter: SessionMeter) {
    this.#meter = meter
  }

  get last(): Acknowledgement | undefined {
    return this.acknowledgements.at(-1)
  }
  get unpaid(): bigint {
    return [...this.lanes.values()].reduce((sum, { sent }) => sum + sent, 0n) - (this.last?.cumBytes ?? 0n)
  }
  get deadlineMs(): number {
    return this.#meter.deadlineMs
  }

  begin(session: PayingSession, link: NodeLink): void {
    const window: NodeLink['window'] = (frame) => {
      this.window = Math.max(this.window, frame.window)
      link.window(frame)
    }
    this.#meter.begin(session, { ...link, window })
  }
  lane(...args: Parameters<SessionMeter['lane']>): void {
    this.lanes.set(args[0], { sent: 0n, acknowledged: 0n, how: undefined })
    this.#meter.lane(...args)
  }
  allow(...args: Parameters<SessionMeter['allow']>): boolean {
    return this.#meter.allow(...args)
  }
  sent(...args: Parameters<SessionMeter['sent']>): void {
    this.lanes.get(args[0])!.sent = args[1]
    this.#meter.sent(...args)
  }
  ack(frame: AckFrame, nowMs: number): ReturnType<SessionMeter['ack']> {
    this.acknowledgements.push(decodeAcknowledgement(frame.acknowledgement))
    for (const { lane, verifiedOffset } of frame.lanes) this.lanes.get(lane)!.acknowledged = verifiedOffset
    const code = this.#meter.ack(frame, nowMs)
    if (typeof code === 'number') this.faults.push(code)
    return code
  }
  tick(...args: Parameters<SessionMeter['tick']>): ReturnType<SessionMeter['tick']> {
    this.ticks++
    return this.#meter.tick(...args)
  }
  laneOver(...args: Parameters<SessionMeter['laneOver']>): void {
    this.lanes.get(args[0])!.how = args[2]
    this.#meter.laneOver(...args)
  }
  pong(...args: Parameters<SessionMeter['pong']>): void {
    this.#meter.pong(...args)
  }
  due(nowMs: number): void {
    this.#meter.due(nowMs)
  }
  over(...args: Parameters<SessionMeter['over']>): void {
    this.isOver = true
    this.#meter.over(...args)
  }
}

export interface PaidNode extends NodeAddress {
  /** One for each session. */
  readonly meters: WatchedMeter[]
  readonly books: Books
  readonly requests: LaneRequest[]
  readonly rules: EpochRules
  readonly websocket: WebSocketAddress
  stop(): Promise<void>
}

export const NO_ANSWER: ContentAnswer = {
  status: 200,
  mode: 'blake3',
  size: undefined,
  chunkGroupLog: 4,
  root: undefined,
  contentType: '',
  mappingProof: new Uint8Array(0),
}

export interface Misdeeds {
  /** The lane is reset before it has sent more than so many bytes. */
  readonly breakAt?: number
  /** One bit of the byte at this offset is turned. */
  readonly flipAt?: number
  /** It stops when its lanes have sent so many bytes together, until it is let go on, or its lane is left. */
  readonly stall?: { readonly atBytes: number; readonly isOver: Promise<void>; onStall?: () => void }
  /** Bytes sent behind the end of what is longer than a megabyte. */
  readonly padding?: number
  /** Behind the unit in which a lane has sent so many bytes it sends zeros, when it is told; `headBytes` of the next unit before them, so that they seem to be of it. */
  readonly dump?: { readonly atBytes: number; readonly headBytes: number; readonly bytes: number; readonly when: Promise<void> }
}

/** What an honest node does with a lane that is paid for: whole units. */
export function servingUnits(source: ContentSourcePort, misdeeds: Misdeeds = {}): (request: LaneRequest) => Promise<void> {
  const { breakAt = Number.POSITIVE_INFINITY, flipAt = -1, padding = 0, stall, dump } = misdeeds
  let sent = 0
  const content = createContentServer({ source })
  return async (request) => {
    const { answer, units } = await content.serve(request.metadata, { signal: request.signal })
    const lane = request.accept(answer)
    let offset = 0
    for await (const { parts, unitEnds } of units()) {
      const bytes = new Uint8Array(Buffer.concat(parts))
      if (offset + bytes.length > breakAt) return lane.reset(23)
      if (dump !== undefined && offset >= dump.atBytes) {
        await dump.when
        const garbage = new Uint8Array(dump.bytes)
        garbage.set(bytes.subarray(0, dump.headBytes))
        return await lane.write(garbage).catch(() => {}) // it hears of the reset when this is on its way
      }
      if (stall !== undefined && sent >= stall.atBytes) {
        stall.onStall?.()
        await Promise.race([stall.isOver, new Promise((resolve) => request.signal.addEventListener('abort', resolve))])
        if (request.signal.aborted) return
      }
      sent += bytes.length
      if (flipAt >= offset && flipAt < offset + bytes.length) bytes[flipAt - offset]! ^= 1
      await lane.write(bytes, { unitEnds })
      offset += bytes.length
    }
    if (padding > 0 && offset > 1_000_000) await lane.write(new Uint8Array(padding))
    await lane.end()
  }
}

/** Listens until the test is over. */
export async function startPaidNode(
  onLane: (request: LaneRequest) => Promise<void>,
  { nodeIndex = 0, identity = createKeyPair() }: { readonly nodeIndex?: number; readonly identity?: KeyPair } = {},
): Promise<PaidNode> {
  const meters: WatchedMeter[] = []
  const requests: LaneRequest[] = []
  const rules = rulesOf(nodeIndex, identity.publicKey)
  const books = await booksOf(rules)
  const server = createSessionServer(
    {
      identity,
      payments: watched(books, meters),
      onLane: async (request) => {
        requests.push(request)
        await onLane(request)
      },
    },
    { chainId: CHAIN_ID },
  )
  const x25519Secret = crypto.getRandomValues(new Uint8Array(32))
  const nodeKey = identity.publicKey
  const door = createWebSocketDoor({ server, x25519Secret, nodeKey, chainId: CHAIN_ID })
  const stop = async (): Promise<void> => {
    await door.stop()
    await server.stop()
  }
  onTestFinished(stop)
  const { host, port } = await server.start()
  const at = await door.start()
  const websocket = { url: `ws://${at.host}:${at.port}`, noiseRecord: noiseRecordOf(identity, x25519KeyOf(x25519Secret)) }
  return { host, port, nodeKey, websocket, meters, books, requests, rules, stop }
}

export function noiseRecordOf(identity: KeyPair, x25519: Uint8Array, chainId: number = CHAIN_ID): Uint8Array {
  const unsigned = { nodeKey: identity.publicKey, x25519, notAfterEpoch: 100 }
  return encodeNoiseRecord({ ...unsigned, signature: identity.sign(noiseRecordSigningBytes(chainId, unsigned)) })
}

function rulesOf(nodeIndex: number, nodeKey: Uint8Array): EpochRules {
  return {
    chainId: CHAIN_ID,
    epoch: EPOCH,
    nodeIndex,
    nodeKey,
    prices: PRICES,
    multiplePpmOf: (serviceId) => (serviceId === 0 ? 1_000_000 : undefined),
    clientOf: () => ({ clientIndex: 1, minNonce: 0n }),
  }
}

async function booksOf(rules: EpochRules): Promise<Books> {
  const { nodeKey, nodeIndex, epoch, chainId } = rules
  const folder = await mkdtemp(join(tmpdir(), 'selvedge-client-'))
  const store = await createFileAckStore(folder)
  onTestFinished(async () => {
    await store.stop()
    await rm(folder, { recursive: true })
  })
  const means = { clientIndex: 1, free: 10n ** 12n, epochCap: 10n ** 12n, minNonce: 0n, reserve: 0n, creditors: 0 }
  const books = createBooks(
    {
      rules: (asked) => (asked === epoch ? rules : undefined),
      means: () => means,
      store,
      nowMs: () => performance.now(),
      rand: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
    },
    { chainId, nodeKey, nodeIndex, epochMs: 3_600_000 },
  )
  const price = { ...PRICES, fromEpoch: epoch, services: [{ serviceId: 0, multiplePpm: 1_000_000 }] }
  books.changeEpoch({ epoch, priceVersion: PRICES.priceVersion, price })
  return books
}

function watched(books: Books, meters: WatchedMeter[]): NodePayments {
  return {
    get place() {
      return books.place
    },
    nextLaneNonce: () => books.nextLaneNonce(),
    admit(hello) {
      const admission = books.admit(hello)
      if ('refuse' in admission) return admission
      const meter = new WatchedMeter(admission.meter)
      meters.push(meter)
      return { ...admission, meter }
    },
  }
}
