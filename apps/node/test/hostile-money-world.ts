// Real ledger nodes that serve for money, and clients of every kind: real sessions over TLS, real books, and what all of it comes to on the ledger.
import { clients, nodes } from '@selvedge/application'
import { createKeyPair, type KeyPair } from '@selvedge/crypto/ed25519'
import { signSecp256k1 } from '@selvedge/crypto/secp256k1'
import {
  claimLeafOf,
  type Delegation,
  type DelegationFields,
  delegationDigestOf,
  encodeDelegation,
} from '@selvedge/delivery-acknowledgement'
import {
  type AckFrame,
  createPayer,
  createTicks,
  type Payer,
  type Receipt,
  type TickFrame,
} from '@selvedge/delivery-acknowledgement/client'
import {
  connectSession,
  type HandshakeError,
  type LaneListener,
  type LaneRequest,
  type Session,
  type SessionPayer,
} from '@selvedge/handshake'
import { createSessionServer } from '@selvedge/handshake/tls'
import type { LedgerEvent } from '@selvedge/ledger-types'
import { join } from 'node:path'
import type { AttachToLedger } from '../src/ledger-tools/attachment.ts'
import { deliver, type Delivered } from '../src/ledger-devnet/paid-delivery.ts'
import type { DevnetNode, Wallet } from '../src/ledger-devnet/setup.ts'
import { ClaimDuty, type ClaimEvent } from '../src/payments/claim-duty.ts'
import { openClaimFiles } from '../src/payments/claim-files.ts'
import { createLedgerBooks, type LedgerBooks } from '../src/payments/ledger-books.ts'
import { CHAIN_ID, signedCall, TestNetwork } from './ledger-network.ts'

const KIB = 1024
/** What a client verifies as a whole. */
export const UNIT_BYTES: number = 16 * KIB
/** The window that an account begins with. */
export const WINDOW_BYTES: number = 256 * KIB
/** A µUSD is a thousand bytes, so that a loss is seen to the kilobyte; a window is worth a thousand µUSD at most. */
const BYTES_A_MICRO_USD = 1_000
const PRICES = { bytePrice: 1_000n }
const USD = 1
/** Who serves through its books; the last one of the four claims what it never delivered. */
export const SERVERS: readonly number[] = [0, 1, 2]
export const LIAR = 3
/** An epoch of 20 s in 16: there are two seconds of ours between the end of its grace and the last moment for its claim. */
const EPOCH_MS = 20_000
const PACE = 1.25
/** Epochs until what was delivered in one is paid. */
const SETTLED_LATER = 3

/** By plain arithmetic: what so many bytes cost, µUSD. */
export const priceOfBytes = (bytes: number): bigint => BigInt(Math.floor(bytes / BYTES_A_MICRO_USD))

export interface Door {
  readonly index: number
  readonly port: number
  readonly nodeKey: Uint8Array
}

/** Opens the door of a node that serves for money. */
export type OpenDoor = (
  index: number,
  keys: KeyPair,
  payments: LedgerBooks['payments'],
) => Promise<{ readonly port: number; stop(): Promise<unknown> }>

/** What an account lets a key do. */
export interface Word {
  readonly delegation: Delegation
  readonly sessionKey: KeyPair
}

/** What a client does with what it gets and with what it signs; nothing of it: it is honest. */
export interface Play {
  /** Of the bytes that came on the lane, those that it says are verified. */
  readonly verifies?: (bytes: number) => number
  /** What leaves in place of a frame of acknowledgement. */
  readonly distort?: (frame: AckFrame) => readonly AckFrame[]
  /** It says ticks too, and this leaves in place of one. */
  readonly distortTick?: (frame: TickFrame) => TickFrame
  /** It goes when it has so many bytes. */
  readonly enough?: number
  /** It signs as if it had been allowed this. */
  readonly delegation?: Delegation
}

export interface Taken {
  /** Counted where the client reads. */
  readonly bytes: number
  readonly receipts: readonly Receipt[]
  /** What it signed for by its own count, µUSD. */
  readonly signed: bigint
  /** The largest window that it was told. */
  readonly windowMost: number
  /** All frames that its payer made. */
  readonly frames: readonly AckFrame[]
  /** Of the node's last word; undefined where the client went by itself. */
  readonly code: number | undefined
}

/** Of a client that was not let in. */
export const NOTHING: Taken = { bytes: 0, receipts: [], signed: 0n, windowMost: 0, frames: [], code: undefined }

export class MoneyWorld {
  readonly network: TestNetwork
  readonly doors: Door[] = []
  readonly events: { readonly node: number; readonly event: ClaimEvent }[] = []
  readonly errors: unknown[] = []
  /** What the liar was signed for; it claims twice as much. */
  lie: (() => Delivered & { readonly clientIndex: number }) | undefined
  readonly #folder: string
  readonly #books: LedgerBooks[] = []
  readonly #openDoor: OpenDoor
  readonly #servers: { stop(): Promise<unknown> }[] = []

  private constructor(network: TestNetwork, folder: string, openDoor: OpenDoor) {
    this.network = network
    this.#folder = folder
    this.#openDoor = openDoor
  }

  /** @param openDoor - of the nodes that serve; by default they serve zeros, as many as are asked for. */
  static async create(folder: string, senders: number, openDoor: OpenDoor = doorOf(serveZeros)): Promise<MoneyWorld> {
    const network = await TestNetwork.create(folder, { pace: PACE, senders, parameters: { epochMs: EPOCH_MS }, prices: PRICES })
    const world = new MoneyWorld(network, folder, openDoor)
    const attachments = new Map<number, AttachToLedger>([[LIAR, await world.#liar()]])
    for (const index of SERVERS) attachments.set(index, await world.#serve(index))
    await network.startAll(({ index }) => ({ attachments: [attachments.get(index)!] }))
    return world
  }

  async stop(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop()))
    await this.network.stopAll()
    await Promise.all(this.#books.map((books) => books.stop()))
  }

  get epoch(): number {
    return this.network.application(0).lastApplied().epoch
  }

  /** Puts down so much for each account; every node that serves has seen it when this resolves. */
  async deposit(amounts: ReadonlyMap<Wallet, bigint>): Promise<void> {
    const transactions = [...amounts].map(([{ address, ...wallet }, amount]) =>
      signedCall({ address, ...wallet }, 0n, 'deposit', { account: address, amount }),
    )
    await this.network.submit(0, transactions)
    await this.network.until(() =>
      SERVERS.every((index) =>
        [...amounts.keys()].every(({ address }) => this.#application(index)?.clientMeans(address, index) !== undefined),
      ),
    )
  }

  allow({ address, secretKey }: Wallet, change: Partial<DelegationFields> = {}): Word {
    const sessionKey = createKeyPair()
    const notAfterEpoch = BigInt(this.epoch + 100)
    const plain = { account: address, sessionKey: sessionKey.publicKey, spendCap: 10n ** 12n, notAfterEpoch, nonce: 0n, services: [] }
    const fields = { ...plain, ...change }
    const { signature, v } = signSecp256k1(delegationDigestOf(CHAIN_ID, fields), secretKey)
    return { sessionKey, delegation: { ...fields, signature: Uint8Array.of(...signature, v) } }
  }

  /** A whole session: one request, all that comes of it, and the end. */
  async take(door: Door, word: Word, request: string | Uint8Array, play: Play = {}): Promise<Taken> {
    const visit = new Visit(door, word, play)
    const refused = await visit.enter()
    return refused ?? (await visit.take(request))
  }

  /** µUSD of the account that nobody may touch but by claims. */
  prepaidOf({ address }: Wallet): bigint {
    const application = this.network.application(0)
    return application.state.get(clients, application.account(address).clientIndex)!.prepaid
  }

  /** USD of the owner of a node, µUSD, and its stake. */
  ownerOf(index: number): { readonly usd: bigint; readonly stake: bigint } {
    const { state } = this.network.application(0)
    return {
      usd: this.network.application(0).balance(this.network.nodes[index]!.owner.address, USD),
      stake: state.get(nodes, index)!.stake,
    }
  }

  /** Whether something that was signed for is not paid because its node came too late to claim it: a machine that is busy with others. */
  isLate(taken: readonly { readonly door: Door; readonly taken: Taken }[]): boolean {
    const isPaid = (node: number, epoch: number): boolean =>
      this.events.some(({ node: of, event }) => of === node && event.type === 'over' && event.epoch === epoch && event.isPaid)
    return taken.some(({ door, taken: { receipts } }) =>
      receipts.some(
        ({ evidence: { acknowledgement } }) => acknowledgement.cumPrice > 0n && !isPaid(door.index, Number(acknowledgement.epoch)),
      ),
    )
  }

  /** Until all that was delivered up to now is paid, under certified blocks, or will never be. */
  async settled(): Promise<void> {
    const due = this.epoch + SETTLED_LATER
    const isOver = ({ node, event }: (typeof this.events)[number]): boolean =>
      event.type !== 'claiming' ||
      this.events.some(({ node: of, event: other }) => of === node && other.type === 'over' && other.epoch === event.epoch)
    await this.network.until(() => {
      const claims = this.events.filter(({ event }) => event.epoch <= due - SETTLED_LATER)
      return this.epoch > due || (this.epoch === due && claims.every(isOver)) // what is not committed in time is let go of an epoch later
    })
  }

  /** From the receipts of all blocks. */
  eventsOf<K extends LedgerEvent['kind']>(kind: K): readonly Extract<LedgerEvent, { kind: K }>[] {
    const events = this.network.blocks.get(0)!.flatMap(({ outcome }) => outcome.executed.flatMap((each) => each.events))
    return events.filter((event): event is Extract<LedgerEvent, { kind: K }> => event.kind === kind)
  }

  #application(index: number): ReturnType<TestNetwork['application']> | undefined {
    return this.network.applications.get(index)
  }

  async #serve(index: number): Promise<AttachToLedger> {
    const keys = createKeyPair(this.network.nodes[index]!.seeds.node)
    const books = await createLedgerBooks({
      keys,
      folder: join(this.#folder, `payments-${index}`),
      onClaim: (event) => {
        this.events.push({ node: index, event })
        this.network.tell()
      },
      onError: (error) => this.errors.push(error),
    })
    this.#books.push(books)
    const server = await this.#openDoor(index, keys, books.payments)
    this.#servers.push(server)
    this.doors.push({ index, port: server.port, nodeKey: keys.publicKey })
    return books.attach
  }

  /** Its duty is the real one: its evidence is not. */
  async #liar(): Promise<AttachToLedger> {
    const files = await openClaimFiles(join(this.#folder, 'payments-liar'))
    const keys = createKeyPair(this.network.nodes[LIAR]!.seeds.node)
    return (application, { submit }) => {
      const takeEpoch = (epoch: bigint): readonly { evidence: Delivered['evidence']; leaf: ReturnType<typeof claimLeafOf> }[] => {
        const lie = this.lie?.()
        if (lie === undefined || lie.evidence.acknowledgement.epoch !== epoch) return []
        return [{ evidence: lie.evidence, leaf: claimLeafOf(lie.evidence, lie.clientIndex, 2n * lie.amount) }]
      }
      const onError = (error: unknown): void => void this.errors.push(error)
      const duty = new ClaimDuty({ application, keys, submit, files, source: { takeEpoch, forget: async () => {} }, onError })
      return {
        onBlock: () => duty.onBlock(),
        onCertificate: (height) => duty.onCertificate(height),
        sayAfterBlock: () => [],
        stop: () => duty.stop(),
      }
    }
  }

  /** What the liar's customer signed for in the running epoch. */
  signedForLiar(customer: Wallet, bytes: number): Delivered & { readonly clientIndex: number } {
    const application = this.network.application(0)
    const { epoch, priceVersion, prices } = application.view()
    const node = this.network.nodes[LIAR] as unknown as DevnetNode
    const delivered = deliver(customer, node, { epoch, priceVersion, ...prices }, BigInt(bytes))
    return { ...delivered, clientIndex: application.account(customer.address).clientIndex }
  }
}

/** Over TLS. */
export function doorOf(onLane: LaneListener): OpenDoor {
  return async (_index, identity, payments) => {
    const crowd = { maxConnectionsPerAddress: 4_096, connectionsPerSecond: 4_096, connectionsBurst: 4_096 } // all clients have one address here
    const server = createSessionServer({ identity, payments, onLane }, { chainId: CHAIN_ID, ...crowd })
    const { port } = await server.start()
    return { port, stop: () => server.stop() }
  }
}

/** `BYTES` of zeros, and the end; `BYTES withhold`: then nothing, and no end. */
export async function serveZeros(request: LaneRequest): Promise<void> {
  const [bytes = '0', how] = new TextDecoder().decode(request.metadata).split(' ')
  const lane = request.accept(new Uint8Array())
  const unit = new Uint8Array(UNIT_BYTES)
  try {
    for (let left = Number(bytes); left > 0; left -= UNIT_BYTES) await lane.write(unit.subarray(0, Math.min(left, UNIT_BYTES)))
    if (how === undefined) await lane.end()
  } catch {
    // the client is gone, or was sent away
  }
}

/** One client's session with one node. */
export class Visit {
  readonly #door: Door
  readonly #word: Word
  readonly #play: Play
  readonly #payer: Payer
  readonly #frames: AckFrame[] = []
  #windowMost = 0
  #session: Session | undefined

  constructor(door: Door, word: Word, play: Play = {}) {
    this.#door = door
    this.#word = word
    this.#play = play
    const { delegation = word.delegation, distortTick } = play
    const nowMs = (): number => performance.now()
    const { sign } = word.sessionKey
    const ticks = distortTick === undefined ? {} : { ticks: createTicks({ secret: () => crypto.getRandomValues(new Uint8Array(32)) }) }
    this.#payer = createPayer({ chainId: CHAIN_ID, nodeKey: door.nodeKey, delegation, sign, capMicroUsd: 2n ** 60n, nowMs, ...ticks })
  }

  /** @returns what came of it where the node refused. */
  async enter(): Promise<Taken | undefined> {
    const { port, nodeKey } = this.#door
    const { sessionKey: identity, delegation } = this.#word
    const paying = { identity, delegation: encodeDelegation(delegation), payer: this.#watched() }
    try {
      this.#session = await connectSession({ host: '127.0.0.1', port, nodeKey, chainId: CHAIN_ID, ...paying })
      return undefined
    } catch (error) {
      return { ...NOTHING, code: (error as HandshakeError).laneCode }
    }
  }

  async take(request: string | Uint8Array): Promise<Taken> {
    const session = this.#session!
    const { verifies = (bytes) => bytes, enough = Number.POSITIVE_INFINITY } = this.#play
    let bytes = 0
    try {
      const metadata = typeof request === 'string' ? new TextEncoder().encode(request) : request
      const lane = await session.openLane({ serviceId: 0, metadata })
      for await (const part of lane.source) {
        bytes += part.length
        this.#payer.verified(lane.laneId, BigInt(verifies(bytes)))
        if (bytes >= enough) break
      }
      this.#payer.finish()
    } catch {
      // the lane ended with the session: why, is what the session says
    }
    await session.close()
    const { receipts, cost } = this.#payer
    const code = (await session.closed)?.laneCode
    return { bytes, receipts, signed: cost.microUsd, windowMost: this.#windowMost, frames: this.#frames, code }
  }

  leave(): Promise<void> {
    return this.#session?.close() ?? Promise.resolve()
  }

  #watched(): SessionPayer {
    const payer = this.#payer
    const { distort = (frame: AckFrame) => [frame], distortTick = (frame: TickFrame) => frame } = this.#play
    return {
      begin: (session, link) => {
        this.#windowMost = session.window
        payer.begin(session, {
          ack: (frame) => {
            this.#frames.push(frame)
            for (const each of distort(frame)) link.ack(each)
          },
          tick: (frame) => link.tick(distortTick(frame)),
          leave: (code) => link.leave(code),
        })
      },
      window: (frame) => {
        this.#windowMost = Math.max(this.#windowMost, frame.window)
        payer.window(frame)
      },
      price: (frame) => payer.price(frame),
      lane: (...about) => payer.lane(...about),
      laneOver: (...about) => payer.laneOver(...about),
      epoch: (frame) => payer.epoch(frame),
      meter: (frame) => payer.meter(frame),
      over: () => payer.over(),
    }
  }
}
