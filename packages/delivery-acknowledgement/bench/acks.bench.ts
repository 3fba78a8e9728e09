/**
 * What a node does for each acknowledgement that comes, beside the one thing that nothing can do without: the signature. And how it keeps them,
 * beside the same in LMDB. Keys, signatures and disk are real.
 */
import { createKeyPair, type KeyPair } from '@selvedge/crypto/ed25519'
import { addressOf, secp256k1PublicKeyOf, signSecp256k1 } from '@selvedge/crypto/secp256k1'
import { sessionIdOf } from '@selvedge/crypto/transcript'
import {
  decodeAcknowledgement,
  type Delegation,
  delegationDigestOf,
  encodeDelegation,
  type EpochRules,
  NO_TICK,
} from '@selvedge/delivery-acknowledgement'
import { type AckFrame, createPayer, createTicks, type TickFrame } from '@selvedge/delivery-acknowledgement/client'
import {
  type AckStore,
  type Books,
  type ChainRecord,
  createBooks,
  createFileAckStore,
  type PayingSession,
  type SessionMeter,
} from '@selvedge/delivery-acknowledgement/node'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Bench, Prepared } from '../../../tools/bench/bench.ts'

const COUNT = 10_000
/** As they come at a node: one of each in turn. */
const SESSIONS = 100
const TICK_COUNT = 40_000
const TURN = 100
const UNIT_BYTES = 65_536
const ACK_PREIMAGE_BYTES = 172
const EPOCH = 5n
const CHAIN_ID = 7
const node = createKeyPair(new Uint8Array(32).fill(1))
const prices = { priceVersion: 1, bytePrice: 10n, cpuPrice: 50n }
const rand = new Uint8Array(16).fill(3)
const channelBinding = new Uint8Array(33).fill(4)

/** A client: its session key, its account's word for it, and its session. */
interface Payer {
  readonly keys: KeyPair
  readonly delegation: Delegation
  readonly session: PayingSession
}

function payerOf(index: number): Payer {
  const secret = seedOf(5, index)
  const keys = createKeyPair(seedOf(2, index))
  const account = addressOf(secp256k1PublicKeyOf(secret))
  const fields = { account, sessionKey: keys.publicKey, spendCap: 10n ** 12n, notAfterEpoch: 9n, nonce: 0n, services: [] }
  const { signature, v } = signSecp256k1(delegationDigestOf(CHAIN_ID, fields), secret)
  const laneNonce = BigInt(index)
  const inputs = { chainId: CHAIN_ID, account, sessionKey: keys.publicKey, nodeKey: node.publicKey, laneNonce, epoch: EPOCH }
  const session = {
    sessionId: sessionIdOf({ ...inputs, clientRand: rand, nodeRand: rand }),
    account,
    laneNonce,
    epoch: EPOCH,
    nodeIndex: 2,
    priceVersion: 1,
    window: 262_144,
    clientRand: rand,
    nodeRand: rand,
    channelBinding,
  }
  return { keys, delegation: { ...fields, signature: Uint8Array.of(...signature, v) }, session }
}

function seedOf(fill: number, index: number): Uint8Array {
  const seed = new Uint8Array(32).fill(fill)
  new DataView(seed.buffer).setUint32(0, index)
  return seed
}

const rules: EpochRules = {
  chainId: CHAIN_ID,
  epoch: EPOCH,
  nodeIndex: 2,
  nodeKey: node.publicKey,
  prices,
  multiplePpmOf: () => 1_000_000,
  clientOf: () => ({ clientIndex: 1, minNonce: 0n }),
}

const asked = Uint8Array.of(1)

const payers = Array.from({ length: SESSIONS }, (_, index) => payerOf(index))

type Said = { readonly ack: AckFrame } | { readonly tick: TickFrame }

/** What a client says of so many units, once for each: it signs for it, or with `hasTicks` for one in 257 of them, with a tick for each of the others. */
function saidOf({ keys, delegation, session }: Payer, count: number, hasTicks: boolean): Said[] {
  const said: Said[] = []
  const signer = {
    chainId: CHAIN_ID,
    nodeKey: node.publicKey,
    delegation,
    sign: keys.sign,
    capMicroUsd: 10n ** 12n,
    nowMs: () => 0,
  }
  const payer = createPayer(hasTicks ? { ...signer, ticks: createTicks({ secret: () => new Uint8Array(32).fill(6) }) } : signer)
  payer.begin(session, { ack: (ack) => said.push({ ack }), tick: (tick) => said.push({ tick }), leave() {} })
  payer.price({ ...prices, fromEpoch: EPOCH, services: [{ serviceId: 0, multiplePpm: 1_000_000 }] })
  payer.lane(1, 0, asked, asked)
  for (let unit = 1; unit <= count; unit++) payer.verified(1, BigInt(unit * UNIT_BYTES)) // a step of the window at the beginning
  return said
}

const framesOf = (payer: Payer, count: number): AckFrame[] =>
  saidOf(payer, count, false).flatMap((each) => ('ack' in each ? [each.ack] : []))

function booksOn(store: AckStore): Books {
  const means = { clientIndex: 1, free: 10n ** 15n, epochCap: 10n ** 15n, minNonce: 0n, reserve: 0n, creditors: 0 }
  const components = { rules: () => rules, means: () => means, store, nowMs: () => 0, rand: (bytes: number) => new Uint8Array(bytes) }
  const books = createBooks(components, { chainId: CHAIN_ID, nodeKey: node.publicKey, nodeIndex: 2, epochMs: 1_800_000 })
  books.changeEpoch({
    epoch: EPOCH,
    priceVersion: 1,
    price: { ...prices, fromEpoch: EPOCH, services: [{ serviceId: 0, multiplePpm: 1_000_000 }] },
  })
  return books
}

async function processorMsOf(run: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

/** The best of some runs after a first, in runs a second of processor time; what is made ready before each counts for nothing. */
async function perSecond<Ready>(ready: () => Ready, run: (ready: Ready) => Promise<void>, count: number, times = 6): Promise<number> {
  await run(ready())
  let least = Number.POSITIVE_INFINITY
  for (let time = 0; time < times; time++) {
    const made = ready()
    least = Math.min(least, await processorMsOf(() => run(made)))
  }
  return (1_000 * count) / least
}

const takeAll = (): Promise<Prepared> => takeSaid(payers, COUNT, false)
const takeTicks = (): Promise<Prepared> => takeSaid(payers.slice(0, 1), TICK_COUNT, true)

/** `count` in all, of the sessions in turn. */
async function takeSaid(of: readonly Payer[], count: number, hasTicks: boolean): Promise<Prepared> {
  const each = count / of.length
  const said = of.map((payer) => saidOf(payer, each, hasTicks))
  for (const { length } of said) if (length !== each) throw new Error(`${length} frames for ${each} units`)
  const folder = await mkdtemp(join(tmpdir(), 'acks-'))
  const store = await createFileAckStore(folder)
  const greet = (): SessionMeter[] => {
    const books = booksOn(store)
    return of.map((payer) => meterOf(books, payer))
  }
  const run = async (meters: readonly SessionMeter[]): Promise<void> => {
    for (let unit = 0; unit < each; unit++) {
      for (const [index, meter] of meters.entries()) take(meter, unit, said[index]![unit]!)
      if ((unit * of.length) % TURN === 0) await nextTurn() // in which the store brings to the disk what is due
    }
    await store.flush()
    await store.forget(EPOCH)
  }
  return {
    figure: () => perSecond(greet, run, count),
    async close() {
      await store.stop()
      await rm(folder, { recursive: true })
    },
  }
}

/** Greeted, with one lane. */
function meterOf(books: Books, { keys, delegation, session }: Payer): SessionMeter {
  const admission = books.admit({
    delegation: encodeDelegation(delegation),
    clientKey: keys.publicKey,
    clientRand: rand,
    nodeRand: rand,
    channelBinding,
  })
  if ('refuse' in admission) throw new Error(`refused with ${admission.refuse}`)
  const { meter } = admission
  meter.begin(session, { window() {}, epoch() {}, price() {}, meter() {}, ping() {}, wake() {}, leave() {} })
  meter.lane(1, 0, asked, asked)
  return meter
}

function take(meter: SessionMeter, unit: number, said: Said): void {
  if (!meter.allow(1, UNIT_BYTES, false)) throw new Error(`unit ${unit} must wait`)
  meter.sent(1, BigInt((unit + 1) * UNIT_BYTES), true)
  const code = 'ack' in said ? meter.ack(said.ack, 0) : meter.tick(said.tick)
  if (code !== undefined) throw new Error(`what was said of unit ${unit} was refused with ${code}`)
}

/** A library that another room has: it is a peer here, and nothing of ours needs it. */
const libraryOf = (room: string, name: string): unknown => createRequire(join(import.meta.dirname, '../..', room, 'package.json'))(name)

function verifyAll(): Prepared {
  const sodium = libraryOf('crypto', 'sodium-native') as {
    crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
  }
  const frames = payers.map((payer) => framesOf(payer, COUNT / SESSIONS))
  const signed = Array.from({ length: COUNT }, (_, index) => {
    const { acknowledgement } = frames[index % SESSIONS]![Math.floor(index / SESSIONS)]!
    return {
      message: acknowledgement.subarray(0, ACK_PREIMAGE_BYTES),
      signature: acknowledgement.subarray(ACK_PREIMAGE_BYTES),
      key: payers[index % SESSIONS]!.keys.publicKey,
    }
  })
  const run = async (): Promise<void> => {
    for (const [index, { message, signature, key }] of signed.entries()) {
      if (!sodium.crypto_sign_verify_detached(signature, message, key)) throw new Error('not signed')
      if (index % TURN === 0) await nextTurn()
    }
  }
  return { figure: () => perSecond(() => undefined, run, COUNT) }
}

const CHAINS = 100
const BATCHES = 20

/** Acknowledgements of 100 sessions, as they come between two visits to the disk. */
function recordsOf(): ChainRecord[] {
  const [payer] = payers as [Payer, ...Payer[]]
  const { delegation } = payer
  const acknowledgement = decodeAcknowledgement(framesOf(payer, 1)[0]!.acknowledgement)
  const evidence = { tick: NO_TICK, session: { laneNonce: 0n, clientRand: rand, nodeRand: rand }, delegation }
  return Array.from({ length: CHAINS }, (_, chain) => {
    const sessionId = new Uint8Array(16).fill(chain)
    return { evidence: { ...evidence, acknowledgement: { ...acknowledgement, sessionId } }, clientIndex: 1, amount: 1n }
  })
}

async function keepInLog(): Promise<Prepared> {
  const records = recordsOf()
  const folder = await mkdtemp(join(tmpdir(), 'acks-'))
  const store = await createFileAckStore(folder)
  return {
    async once() {
      for (let batch = 0; batch < BATCHES; batch++) {
        for (const record of records) store.put(record)
        await store.flush()
      }
    },
    async close() {
      await store.stop()
      await rm(folder, { recursive: true })
    },
  }
}

interface Lmdb {
  open(options: object): {
    transaction(run: () => void): Promise<void>
    put(key: Uint8Array, value: Uint8Array): unknown
    readonly flushed: Promise<unknown>
    close(): Promise<void>
  }
}

/** The same bytes under the key of each chain; a transaction a batch, as group commit is there, and on disk when it resolves. */
async function keepInLmdb(): Promise<Prepared> {
  const { open } = libraryOf('application', 'lmdb') as Lmdb
  const rows = recordsOf().map(({ evidence }) => ({ key: Buffer.from(evidence.acknowledgement.sessionId), value: Buffer.alloc(471, 1) }))
  const folder = await mkdtemp(join(tmpdir(), 'acks-'))
  const database = open({ path: folder, keyEncoding: 'binary', encoding: 'binary', noMemInit: true, overlappingSync: false })
  return {
    async once() {
      for (let batch = 0; batch < BATCHES; batch++) {
        await database.transaction(() => {
          for (const { key, value } of rows) database.put(key, value)
        })
        await database.flushed
      }
    },
    async close() {
      await database.close()
      await rm(folder, { recursive: true })
    },
  }
}

export const benches: readonly Bench[] = [
  {
    name: 'take one acknowledgement',
    unit: '/s',
    subjects: { ours: takeAll, 'sodium-native': verifyAll },
    goals: { 'sodium-native': 0.85 },
    note: 'In processor time. One of each of 100 sessions in turn, each with an account, a key and a lane of its own. Ours: decoding, look-up of lane and chain, window, price, content chain, signature, and the file store with all its visits to the disk. sodium-native: `crypto_sign_verify_detached` alone, over the same acknowledgements.',
  },
  {
    name: 'take one tick',
    unit: '/s',
    subjects: { ours: takeTicks },
    note: 'In processor time, with the unit that it is for let out and sent, and the one acknowledgement in 257 that the ticks stand behind: look-up of chain and lanes, a hash, window, price, and the file store with all its visits to the disk.',
  },
  {
    name: 'keep 100 sessions’ acknowledgements 20 times, each durable',
    unit: 'ms',
    subjects: { ours: keepInLog, lmdb: keepInLmdb },
    note: 'On disk 20 times, 100 records each time. LMDB gets bytes that are made already, and one transaction each time; ours makes them.',
  },
]
