// Goal: a client that pays loses its connection in the middle of a response, and gets the rest on the same lane, paying for each byte once.
// Method: a real store, session server, books and client, with a relay between that loses what the node sent last and cuts the connection.
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBlockstore } from '@selvedge/blockstore'
import { createClient, type PayingAccount } from '@selvedge/client'
import type { ContentSourcePort } from '@selvedge/content'
import { createKeyPair } from '@selvedge/crypto'
import { addressOf, secp256k1PublicKeyOf, signSecp256k1 } from '@selvedge/crypto/secp256k1'
import { delegationDigestOf, type EpochRules } from '@selvedge/delivery-acknowledgement'
import { type Books, createBooks, createFileAckStore } from '@selvedge/delivery-acknowledgement/node'
import { createFetcher } from '@selvedge/fetcher'
import { createSessionServer } from '@selvedge/handshake/tls'
import { createCdn } from '@selvedge/service-cdn'
import { expect, onTestFinished, test } from 'vitest'
import { importFileInto } from '../src/compose/import-file.ts'
import { type LaneEvent, serveLane } from '../src/compose/lane-service.ts'
import { createServedContent, type LaneContent } from '../src/compose/served-content.ts'
import { sampleBytes } from './harness.ts'

const CHAIN_ID = 1337
const EPOCH = 2n
const PRICES = { priceVersion: 1, bytePrice: 10n, cpuPrice: 0n }
const MIB = 2 ** 20
const DATA: Uint8Array = Uint8Array.from({ length: 4_000_000 }, (_, i) => Math.imul(i, 2_654_435_761) >>> 24)

async function scratch(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'selvedge-resumed-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

async function booksOf(nodeKey: Uint8Array): Promise<Books> {
  const store = await createFileAckStore(await scratch())
  onTestFinished(() => store.stop())
  const rules: EpochRules = {
    chainId: CHAIN_ID,
    epoch: EPOCH,
    nodeIndex: 0,
    nodeKey,
    prices: PRICES,
    multiplePpmOf: () => 1_000_000,
    clientOf: () => ({ clientIndex: 1, minNonce: 0n }),
  }
  const means = { clientIndex: 1, free: 10n ** 12n, epochCap: 10n ** 12n, minNonce: 0n, reserve: 0n, creditors: 0 }
  const rand = (bytes: number): Uint8Array => crypto.getRandomValues(new Uint8Array(bytes))
  const books = createBooks(
    { rules: (epoch) => (epoch === EPOCH ? rules : undefined), means: () => means, store, nowMs: () => performance.now(), rand },
    { chainId: CHAIN_ID, nodeKey, nodeIndex: 0, epochMs: 3_600_000 },
  )
  const price = { ...PRICES, fromEpoch: EPOCH, services: [{ serviceId: 0, multiplePpm: 1_000_000 }] }
  books.changeEpoch({ epoch: EPOCH, priceVersion: 1, price })
  return books
}

function accountOf(): PayingAccount {
  const secret = new Uint8Array(32).fill(5)
  const sessionKey = createKeyPair()
  const account = addressOf(secp256k1PublicKeyOf(secret))
  const fields = { account, sessionKey: sessionKey.publicKey, spendCap: 10n ** 10n, notAfterEpoch: 9n, nonce: 1n, services: [] }
  const { signature, v } = signSecp256k1(delegationDigestOf(CHAIN_ID, fields), secret)
  return { sessionKey, delegation: { ...fields, signature: Uint8Array.of(...signature, v) } }
}

/** A node sends nothing of this size but content. */
const LOST_BYTES_MIN = 4_096

interface Relay {
  readonly port: number
  /** What the node sends next of the content is lost, and the connection with it. */
  isLosing: boolean
  cuts: number
}

async function startRelay(target: { readonly host: string; readonly port: number }): Promise<Relay> {
  const relay = { port: 0, isLosing: false, cuts: 0 }
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const node = connect(target)
    for (const [socket, other] of [
      [client, node],
      [node, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => other.destroy())
    }
    client.on('data', (bytes) => void node.write(bytes))
    node.on('data', (bytes) => {
      if (!relay.isLosing || bytes.length < LOST_BYTES_MIN) return void client.write(bytes)
      relay.isLosing = false
      relay.cuts++
      client.destroy()
    })
  })
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  relay.port = (server.address() as { port: number }).port
  return relay
}

const RAW = 0x55
const LEAF_BYTES = 256 * 1024
/** The most that is read for nothing: before the first byte a unit, behind the last one what a piece and its read-ahead hold. */
const IDLE_BYTES = { root: 16 * 1024 + 64 * 1024 + 256 * 1024, cid: 3 * LEAF_BYTES }

/** What was read of content that was opened once. */
interface Opening {
  /** Of the flat bytes, or of raw leaves. */
  contentBytes: number
  nodeBytes: number
}

/** `source`, which counts what is read of each thing that it opens. */
function counted(source: ContentSourcePort): { readonly source: ContentSourcePort; readonly openings: Opening[] } {
  const openings: Opening[] = []
  const open = (): Opening => openings[openings.push({ contentBytes: 0, nodeBytes: 0 }) - 1]!
  return {
    openings,
    source: {
      async openRoot(root, options) {
        const blob = await source.openRoot(root, options)
        if (blob === undefined || blob.data instanceof Uint8Array) return blob
        const opening = open()
        const data = blob.data
        const readAt = (offset: number, length: number): ReturnType<typeof data.readAt> => {
          opening.contentBytes += length
          return data.readAt(offset, length)
        }
        return { ...blob, data: { size: data.size, readAt } }
      },
      async openCid(cid, options) {
        const entity = await source.openCid(cid, options)
        const opening = open()
        const get: typeof entity.blocks.get = async (each, abort) => {
          const block = await entity.blocks.get(each, abort)
          opening[each.code === RAW ? 'contentBytes' : 'nodeBytes'] += block.length
          return block
        }
        return { ...entity, blocks: { get } }
      },
    },
  }
}

interface Played {
  /** Of each time that bytes were made again. */
  readonly madeAgain: { readonly from: number; readonly to: number }[]
  /** The first is the answer's own, the others are of what was made again, in that order. */
  readonly openings: readonly Opening[]
}

/** Fetches `data` whole while its connection is cut each time that so many bytes of it have come, and expects that it is paid once. */
async function play(kind: 'root' | 'cid', data: Uint8Array, cutsAt: Iterable<number>): Promise<Played> {
  const folder = await scratch()
  const store = createBlockstore({}, { path: join(folder, 'store') })
  await store.start()
  onTestFinished(() => store.stop())
  const file = join(folder, 'file')
  await writeFile(file, data)
  const { cid, entity } = await importFileInto(store, file)
  const fetcher = createFetcher({ store, origins: [] })
  onTestFinished(() => fetcher.stop())
  const { source, openings } = counted(fetcher)
  const served = createServedContent({ service: createCdn(), source, store, log: () => {} })
  const madeAgain: { from: number; to: number }[] = []
  const content: LaneContent = {
    async serve(bytes, options) {
      const { resend, ...rest } = await served.serve(bytes, options)
      return { ...rest, resend: (from, to, wanted) => (madeAgain.push({ from, to }), resend!(from, to, wanted)) }
    },
  }
  const identity = createKeyPair()
  const events: LaneEvent[] = []
  const serving: Promise<void>[] = []
  const payments = await booksOf(identity.publicKey)
  const server = createSessionServer(
    { identity, payments, onLane: (request) => void serving.push(serveLane(content, request, (event) => void events.push(event))) },
    { chainId: CHAIN_ID },
  )
  onTestFinished(() => server.stop())
  const relay = await startRelay(await server.start())
  const node = { host: '127.0.0.1', port: relay.port, nodeKey: identity.publicKey }
  const client = createClient({ nodes: [node], chainId: CHAIN_ID, account: accountOf() })
  const hash = createHash('sha256')
  const cuts = cutsAt[Symbol.iterator]()
  let received = 0
  let cutAt = cuts.next().value as number | undefined
  for await (const { bytes } of await client.get(kind === 'root' ? Buffer.from(entity.root!).toString('hex') : String(cid))) {
    hash.update(bytes)
    received += bytes.length
    if (cutAt === undefined || received < cutAt || relay.isLosing) continue
    cutAt = cuts.next().value as number | undefined
    relay.isLosing = true
  }
  await client.close()
  await Promise.all(serving)
  expect(hash.digest('hex')).toBe(createHash('sha256').update(data).digest('hex'))
  expect(relay.cuts).toBeGreaterThan(0)
  expect(events).toMatchObject([{ status: 200 }]) // one lane, through all connections
  expect(client.cost().bytes).toBe(BigInt(events[0]!.bytes))
  expect(payments.losses.writtenOffBytes).toBe(0n)
  expect(openings).toHaveLength(1 + madeAgain.length)
  return { madeAgain, openings }
}

test.each(['root', 'cid'] as const)(
  'what a connection loses comes again on the next one, from the store, and is paid once: by %s',
  async (kind) => {
    const { madeAgain } = await play(kind, DATA, [500_000, 1_500_000, 2_500_000, 3_500_000])
    expect(madeAgain.length).toBeGreaterThan(0)
  },
)

test.each(['root', 'cid'] as const)(
  'a lane goes on 80 MiB in, and of what was sent before the node reads less than a leaf again: by %s',
  async (kind) => {
    const { madeAgain, openings } = await play(kind, sampleBytes(104 * MIB + 12_345, 7), [80 * MIB, 95 * MIB])
    expect(madeAgain.length).toBeGreaterThan(0)
    for (const [index, { from, to }] of madeAgain.entries()) {
      expect(from).toBeGreaterThan(79 * MIB)
      const { contentBytes, nodeBytes } = openings[index + 1]!
      expect(contentBytes).toBeLessThanOrEqual(to - from + IDLE_BYTES[kind])
      expect(nodeBytes).toBeLessThan(64 * 1024)
    }
  },
)
