/** A node with both doors and real books, owners with the real payer, and holders of their tokens who tell them what came, each on a socket of its own. */
import type { KeyPair } from '@selvedge/crypto/ed25519'
import { x25519KeyOf } from '@selvedge/crypto/noise'
import { encodeDelegation, type EpochRules } from '@selvedge/delivery-acknowledgement'
import { createPayer, type Payer } from '@selvedge/delivery-acknowledgement/client'
import { type AckStore, type Books, type ChainRecord, createBooks } from '@selvedge/delivery-acknowledgement/node'
import { expect } from 'vitest'
import { connectSession, type Lane, type LaneListener, type LaneRequest, type Session } from '../src/index.ts'
import { createSharing, type HolderReport, type JoinedSession, joinSession, type Sharing } from '../src/sharing.ts'
import { createSessionServer, type SessionServer } from '../src/tls.ts'
import { connectWebSocket } from '../src/websocket.ts'
import { createWebSocketDoor } from '../src/websocket-server.ts'
import { CHAIN, NODE } from './cores.ts'
import { type CutProxy, createCutProxy } from './cut-proxy.ts'
import { payeeOf } from './payees.ts'

const NONE = new Uint8Array()
export const EPOCH = 5n
const PRICES = { priceVersion: 3, bytePrice: 10_000n, cpuPrice: 0n }
const SERVICES = [0, 1].map((serviceId) => ({ serviceId, multiplePpm: 1_000_000 }))
const X25519_SECRET = new Uint8Array(32).fill(2)
export const UNIT = 50_000
export const CONTENT: Uint8Array = Uint8Array.from({ length: 2_000_000 }, (_, i) => (i * i) >> 7)

/** To be done after each test, the last first. */
export const cleanups: (() => unknown)[] = []

export class MemoryStore implements AckStore {
  readonly records: Map<string, ChainRecord> = new Map()
  #nonces = 0n
  nextNonceBlock(): bigint {
    return (this.#nonces += 65_536n) - 65_536n
  }
  put(record: ChainRecord): void {
    const { sessionId, serviceId, epoch } = record.evidence.acknowledgement
    this.records.set(`${sessionId} ${serviceId} ${epoch}`, record)
  }
  async flush(): Promise<void> {}
  all(epoch: bigint): ChainRecord[] {
    return [...this.records.values()].filter(({ evidence }) => evidence.acknowledgement.epoch === epoch)
  }
  async forget(): Promise<void> {}
  async stop(): Promise<void> {}
  /** Of all epochs. */
  get acknowledgedBytes(): bigint {
    return [...this.records.values()].reduce((bytes, { evidence }) => bytes + evidence.acknowledgement.cumBytes, 0n)
  }
}

export interface World {
  readonly server: SessionServer
  readonly store: MemoryStore
  readonly books: Books
  readonly clock: { seconds: number }
  readonly requests: LaneRequest[]
  readonly proxy: CutProxy
  /** Listening addresses. */
  readonly tls: { readonly host: string; readonly port: number }
  readonly url: string
}

/** Writes all of CONTENT, or from the offset that it is asked again for. */
export const stream: LaneListener = async (request) => {
  const resend = async function* (from: number, to: number): AsyncIterable<Uint8Array> {
    yield CONTENT.subarray(from, to)
  }
  const lane = request.accept(NONE, undefined, resend)
  for (let at = 0; at < CONTENT.length; at += UNIT) await lane.write(CONTENT.subarray(at, at + UNIT), { unitEnds: [UNIT] })
  await lane.end()
}
export const open: LaneListener = (request) => void request.accept(NONE)

export async function serve(onLane: LaneListener, identity: KeyPair = NODE): Promise<World> {
  const store = new MemoryStore()
  const clock = { seconds: 1_700_000_000 }
  const rules = (epoch: bigint): EpochRules => ({
    chainId: CHAIN,
    epoch,
    nodeIndex: 2,
    nodeKey: identity.publicKey,
    prices: PRICES,
    multiplePpmOf: (serviceId) => (serviceId < 2 ? 1_000_000 : undefined),
    clientOf: (account) => ({ clientIndex: account[0]!, minNonce: 1n }),
  })
  const books = createBooks(
    {
      rules,
      means: (account) => ({ clientIndex: account[0]!, free: 2n ** 60n, epochCap: 2n ** 60n, minNonce: 1n, reserve: 0n, creditors: 0 }),
      store,
      nowMs: () => performance.now(),
      rand: (count) => crypto.getRandomValues(new Uint8Array(count)),
    },
    { chainId: CHAIN, nodeKey: identity.publicKey, nodeIndex: 2, epochMs: 600_000 },
  )
  changeEpoch(books, EPOCH)
  const requests: LaneRequest[] = []
  const listener: LaneListener = (request) => {
    requests.push(request)
    return onLane(request)
  }
  const server = createSessionServer({ identity, onLane: listener, payments: books, nowSeconds: () => clock.seconds }, { chainId: CHAIN })
  cleanups.push(() => server.stop())
  const tls = await server.start()
  const proxy = await createCutProxy(tls)
  cleanups.push(() => proxy.stop())
  const door = createWebSocketDoor({ server, x25519Secret: X25519_SECRET, nodeKey: identity.publicKey, chainId: CHAIN })
  const { port } = await door.start()
  cleanups.push(() => door.stop())
  return { server, store, books, clock, requests, proxy, tls, url: `ws://127.0.0.1:${port}` }
}

export function changeEpoch(books: Books, epoch: bigint): void {
  books.changeEpoch({ epoch, priceVersion: PRICES.priceVersion, price: { ...PRICES, fromEpoch: EPOCH, services: SERVICES } })
}

export interface Owner {
  readonly session: Session
  readonly payer: Payer
  readonly sharing: Sharing
}

export async function own({ proxy }: World, client = 1): Promise<Owner> {
  const { delegation, sessionKey } = payeeOf(client)
  const nodeKey = NODE.publicKey
  const nowMs = (): number => performance.now()
  const payer = createPayer({ chainId: CHAIN, nodeKey, delegation, sign: sessionKey.sign, capMicroUsd: 2n ** 62n, nowMs })
  const { host, port } = proxy
  const sharing = createSharing()
  const paying = { identity: sessionKey, delegation: encodeDelegation(delegation), payer, sharing }
  const session = await connectSession({ host, port, nodeKey, chainId: CHAIN, ...paying })
  cleanups.push(() => session.close())
  return { session, payer, sharing }
}

export type By = 'TLS' | 'WebSocket'

/** From a socket of its own. What it tells goes as copies, as between two tabs. */
export async function join(
  { tls, url }: World,
  token: Uint8Array,
  by: By,
  tell: (report: HolderReport) => void,
  nodeKey: Uint8Array = NODE.publicKey,
): Promise<JoinedSession> {
  const common = { nodeKey, chainId: CHAIN, token, report: (report: HolderReport) => tell(structuredClone(report)) }
  const keys = { nodeKey, chainId: CHAIN, x25519: x25519KeyOf(X25519_SECRET) }
  const options = by === 'TLS' ? { ...common, ...tls } : { ...common, carrier: await connectWebSocket({ url, ...keys }) }
  const session = await joinSession(options)
  cleanups.push(() => session.close())
  return session
}

/** Reads the lane to its end, checks each byte, and says what is verified. */
export async function read(holder: JoinedSession, lane: Lane): Promise<number> {
  let offset = 0
  for await (const bytes of lane.source) {
    expect(Buffer.compare(bytes, CONTENT.subarray(offset, offset + bytes.length))).toBe(0)
    offset += bytes.length
    holder.verified(lane.laneId, BigInt(offset))
  }
  return offset
}
