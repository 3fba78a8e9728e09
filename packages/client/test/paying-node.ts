/**
 * Real nodes that are paid, for tests: session server, content server over memory, whole units, and books of one page that hold what the ledger
 * would hold: a window, and `checkAcknowledgement` for every word that comes.
 */
import { createContentServer, type ContentAnswer, type ContentSourcePort } from '@selvedge/content'
import { createKeyPair, type KeyPair } from '@selvedge/crypto'
import { addressOf, secp256k1PublicKeyOf, signSecp256k1 } from '@selvedge/crypto/secp256k1'
import {
  checkAcknowledgement,
  decodeAcknowledgement,
  decodeDelegation,
  delegationDigestOf,
  NO_TICK,
  type Acknowledgement,
  type Delegation,
  type DelegationFields,
  type EpochRules,
} from '@selvedge/delivery-acknowledgement'
import type { LaneEnd, NodeLink, NodePayments, PayingHello, PayingSession, SessionMeter } from '@selvedge/handshake'
import { createSessionServer, type LaneRequest } from '@selvedge/handshake/tls'
import { onTestFinished } from 'vitest'
import type { NodeAddress, PayingAccount } from '../src/index.ts'

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

/** What one session owes and has signed for. */
export class Book implements SessionMeter {
  readonly deadlineMs: number = Number.POSITIVE_INFINITY
  readonly acknowledgements: Acknowledgement[] = []
  readonly lanes: Map<number, PaidLane> = new Map()
  readonly faults: string[] = []
  isStopped = false
  isOver = false
  #session: PayingSession | undefined
  #link: NodeLink | undefined
  readonly #delegation: Delegation
  readonly #rules: EpochRules

  constructor(delegation: Delegation, rules: EpochRules) {
    this.#delegation = delegation
    this.#rules = rules
  }

  get last(): Acknowledgement | undefined {
    return this.acknowledgements.at(-1)
  }
  get sentBytes(): bigint {
    return [...this.lanes.values()].reduce((sum, { sent }) => sum + sent, 0n)
  }
  get unpaid(): bigint {
    return this.sentBytes - (this.last?.cumBytes ?? 0n)
  }

  begin(session: PayingSession, link: NodeLink): void {
    this.#session = session
    this.#link = link
  }
  lane(lane: number): void {
    this.lanes.set(lane, { sent: 0n, acknowledged: 0n, how: undefined })
  }
  allow(_lane: number, unitBytes: number, isBegun: boolean): boolean {
    const isAllowed = isBegun || this.unpaid === 0n || this.unpaid + BigInt(unitBytes) <= BigInt(WINDOW)
    if (!isAllowed && !this.isStopped) {
      this.isStopped = true
      this.#link?.window({ window: WINDOW, isStopped: true })
    }
    return isAllowed
  }
  sent(lane: number, offset: bigint): void {
    this.lanes.get(lane)!.sent = offset
  }
  ack({
    acknowledgement: bytes,
    lanes,
  }: {
    acknowledgement: Uint8Array
    lanes: readonly { lane: number; verifiedOffset: bigint }[]
  }): undefined {
    const acknowledgement = decodeAcknowledgement(bytes)
    const { laneNonce, clientRand, nodeRand } = this.#session!
    const evidence = { acknowledgement, tick: NO_TICK, session: { laneNonce, clientRand, nodeRand }, delegation: this.#delegation }
    const verdict = checkAcknowledgement(evidence, this.#rules)
    if (!verdict.isPayable) this.faults.push(verdict.fault)
    let bytesOfLanes = this.last?.cumBytes ?? 0n
    for (const { lane, verifiedOffset } of lanes) {
      const known = this.lanes.get(lane)!
      if (verifiedOffset <= known.acknowledged || verifiedOffset > known.sent) this.faults.push(`offset ${verifiedOffset}`)
      bytesOfLanes += verifiedOffset - known.acknowledged
      known.acknowledged = verifiedOffset
    }
    if (bytesOfLanes !== acknowledgement.cumBytes) this.faults.push('bytes')
    if (acknowledgement.seq !== (this.last?.seq ?? 0) + 1) this.faults.push('seq')
    this.acknowledgements.push(acknowledgement)
    if (this.isStopped) this.#link?.window({ window: WINDOW, isStopped: false })
    this.isStopped = false
    this.#link?.wake()
  }
  tick(): undefined {}
  laneOver(lane: number, _offset: bigint, how: LaneEnd): void {
    this.lanes.get(lane)!.how = how
  }
  pong(): void {}
  due(): void {}
  over(): void {
    this.isOver = true
  }
}

export interface PaidNode extends NodeAddress {
  /** One for each session. */
  readonly books: Book[]
  readonly requests: LaneRequest[]
  readonly rules: EpochRules
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
  /** Bytes sent behind the end. */
  readonly padding?: number
}

/** What an honest node does with a lane that is paid for: whole units. */
export function servingUnits(source: ContentSourcePort, misdeeds: Misdeeds = {}): (request: LaneRequest) => Promise<void> {
  const { breakAt = Number.POSITIVE_INFINITY, flipAt = -1, padding = 0 } = misdeeds
  const content = createContentServer({ source })
  return async (request) => {
    const { answer, units } = await content.serve(request.metadata, { signal: request.signal })
    const lane = request.accept(answer)
    let offset = 0
    for await (const { parts, unitEnds } of units()) {
      const bytes = new Uint8Array(Buffer.concat(parts))
      if (offset + bytes.length > breakAt) return lane.reset(23)
      if (flipAt >= offset && flipAt < offset + bytes.length) bytes[flipAt - offset]! ^= 1
      await lane.write(bytes, { unitEnds })
      offset += bytes.length
    }
    if (padding > 0) await lane.write(new Uint8Array(padding))
    await lane.end()
  }
}

/** Listens until the test is over. */
export async function startPaidNode(
  onLane: (request: LaneRequest) => Promise<void>,
  { nodeIndex = 0, identity = createKeyPair() }: { readonly nodeIndex?: number; readonly identity?: KeyPair } = {},
): Promise<PaidNode> {
  const books: Book[] = []
  const requests: LaneRequest[] = []
  const rules = rulesOf(nodeIndex, identity.publicKey)
  const payments = paymentsOf(rules, books)
  const server = createSessionServer(
    {
      identity,
      payments,
      onLane: async (request) => {
        requests.push(request)
        await onLane(request)
      },
    },
    { chainId: CHAIN_ID },
  )
  onTestFinished(() => server.stop())
  const { host, port } = await server.start()
  return { host, port, nodeKey: identity.publicKey, books, requests, rules, stop: () => server.stop() }
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

function paymentsOf(rules: EpochRules, books: Book[]): NodePayments {
  const price = { ...PRICES, fromEpoch: EPOCH, services: [{ serviceId: 0, multiplePpm: 1_000_000 }] }
  let laneNonce = 0n
  return {
    place: { nodeIndex: rules.nodeIndex, epoch: EPOCH, priceVersion: PRICES.priceVersion },
    nextLaneNonce: () => ++laneNonce,
    admit: ({ delegation: bytes }: PayingHello) => {
      const delegation = decodeDelegation(bytes)
      const meter = new Book(delegation, rules)
      books.push(meter)
      return { account: delegation.account, laneNonce: ++laneNonce, window: WINDOW, maxLanes: 24, price, meter }
    },
  }
}
