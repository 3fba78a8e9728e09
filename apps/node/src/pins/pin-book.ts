/**
 * What content the node keeps, and for whom. An account that has acknowledged an order in epoch e has its content kept to the end of e + 1, and
 * whoever orders again in e + 1 goes on; nobody has to say that a pin ends. What the operator put in is kept for good.
 *
 * An order that was accepted holds its room, and its content, until it is paid or its lane is over, and never beyond the epoch after the one that it came
 * in: so what the node keeps unpaid is an epoch's worth at most. The order of epochs is the ledger's; until the node knows of a later one than 0
 * nothing ends. Invariants: contents, bytes and contents an account are within their bounds, orders included; nothing is `held` that is not on disk.
 *
 * A place is scarcer than the bytes of a small file, so it has a price of its own (place-prices.ts): bytes of content that its account pays for in the epoch, the
 * order's own included, the more of them the more places are taken. Nobody takes a place from somebody who has one: what is kept is kept to the end of its time, and
 * whoever goes on pays what a place costs then.
 */
import { toHex } from '@selvedge/ledger-types'
import type { PinState } from '@selvedge/sdk'
import { pinChunksOf } from '@selvedge/service-cdn'
import { NodeError } from '../errors.ts'
import { lessOne } from './less-one.ts'
import { openPinLog, type PinLog, type PinRecord } from './pin-log.ts'
import { PlacePrices } from './place-prices.ts'

export interface PinBookOptions {
  readonly folder: string
  /** The epoch that runs, by what the node knows; 0 where it knows of none. */
  readonly epoch: () => bigint
  /** Bytes of content that accounts may have kept, a content that several pay for once. @default no limit */
  readonly pinnedBytesMax?: number | undefined
  /** Pins and orders of all accounts. @default 65,536 */
  readonly pinsMax?: number
  /** Of one account. @default 4,096 */
  readonly pinsPerAccountMax?: number
  /** Bytes paid for that a place costs in an epoch where half of them are taken; with the square of how many are. @default 4 MiB */
  readonly placeBytes?: number
  /** The disk refused a payment, or has forgotten some: then nothing more is ordered, or those are not kept. The node goes on. */
  readonly onError?: ((error: unknown) => void) | undefined
}

/** An order on its way: room, and the content while it is not paid. */
export interface PinOrder {
  /** All of it is acknowledged, in this epoch. */
  pay(epoch: bigint): void
  /** It comes to nothing. After `pay` it does nothing. */
  release(): void
}

/** What takes room. */
interface Place {
  readonly account: string
  readonly root: string
  readonly size: number
}

interface Pin extends Place {
  readonly record: PinRecord
  /** That is on disk; undefined: none yet. */
  durableEpoch: bigint | undefined
}

interface Order extends Place {
  readonly madeIn: bigint
}

const CHUNK_BYTES = 1_024
const PINS_MAX = 65_536
const OPERATOR = new Uint8Array(20)
const FOR_GOOD: bigint = 2n ** 64n - 1n

export class PinBook {
  readonly #options: PinBookOptions
  /** By account and root. */
  readonly #pins = new Map<string, Pin>()
  readonly #orders = new Set<Order>()
  /** How many of them are of one account and root: they have one place. */
  readonly #ordered = new Map<string, number>()
  /** The operator's, by root. */
  readonly #own = new Map<string, { readonly record: PinRecord; readonly kept: Promise<void> }>()
  /** How many places each has, by root and by account. */
  readonly #roots = new Map<string, number>()
  readonly #accounts = new Map<string, number>()
  readonly #prices: PlacePrices
  #pinnedBytes = 0
  #epoch = 0n
  readonly #log: PinLog

  private constructor(options: PinBookOptions, log: PinLog) {
    this.#options = options
    this.#log = log
    this.#prices = new PlacePrices(options.pinsMax ?? PINS_MAX, options.placeBytes)
  }

  /** @throws {NodeError} `NODE_PIN_FILE`, `NODE_DATA_FOLDER` */
  static async open(options: PinBookOptions): Promise<PinBook> {
    const { log, records, damaged } = await openPinLog(options.folder, () => book.#live())
    const book: PinBook = new PinBook(options, log)
    for (const record of records) book.#recall(record)
    if (damaged > 0)
      options.onError?.(new NodeError('NODE_PIN_FILE', `${damaged} payments for content that is kept cannot be read any more`))
    return book
  }

  /** Pins that are paid for, contents of the operator's, and bytes of the paid ones, orders included. */
  get counts(): { readonly pins: number; readonly own: number; readonly pinnedBytes: number } {
    this.#sweep()
    return { pins: this.#pins.size, own: this.#own.size, pinnedBytes: this.#pinnedBytes }
  }

  isKept(root: Uint8Array): boolean {
    this.#sweep()
    const key = toHex(root)
    return this.#own.has(key) || this.#roots.has(key)
  }

  /** Of a file that the node holds whole. */
  stateOf(account: Uint8Array, root: Uint8Array, size: number): Exclude<PinState, 'unfit'> {
    this.#sweep()
    const place = placeOf(account, root, size)
    const pin = this.#pins.get(keyOf(place))
    if (this.#log.isBroken || !this.#isTakeable(place)) return 'full' // nothing more can be promised, or not at what the account has paid
    return pin?.durableEpoch !== undefined ? 'held' : 'free'
  }

  /** The account has acknowledged, and so pays for, so many bytes of content more in that epoch, orders or not: with those of the one that runs it buys places. */
  paid(account: Uint8Array, epoch: bigint, bytes: number): void {
    this.#sweep()
    if (epoch >= this.#epoch) this.#prices.pay(toHex(account), bytes)
  }

  /** An order that was accepted; undefined where there is no room for it any more: then it is paid for nothing. */
  order(account: Uint8Array, root: Uint8Array, size: number): PinOrder | undefined {
    this.#sweep()
    const order: Order = { ...placeOf(account, root, size), madeIn: this.#epoch }
    if (this.#log.isBroken || !this.#isTakeable(order)) return undefined
    this.#prices.order(order.account, order.root, this.#placesTaken)
    const key = keyOf(order)
    const before = this.#ordered.get(key) ?? 0
    if (before === 0) this.#take(order)
    this.#ordered.set(key, before + 1)
    this.#orders.add(order)
    const end = (): boolean => this.#leave(order)
    const giveUp = (): void => {
      if (end() && order.madeIn === this.#epoch) this.#prices.release(order.account, order.root)
    }
    const record = { account: account.slice(), root: root.slice(), size }
    return {
      pay: (epoch) => {
        this.#sweep()
        if (!end() || epoch + 1n < this.#epoch) return
        this.#keep({ ...record, paidEpoch: epoch })
      },
      release: giveUp,
    }
  }

  /** For the operator, for good; on disk when it resolves. @throws what the disk refused */
  async keepOwn(root: Uint8Array, size: number): Promise<void> {
    const key = toHex(root)
    let own = this.#own.get(key)
    if (own === undefined) {
      const record = { account: OPERATOR, root: root.slice(), size, paidEpoch: FOR_GOOD }
      own = { record, kept: this.#log.append(record) }
      this.#own.set(key, own)
    }
    await own.kept
  }

  stop(): Promise<void> {
    return this.#log.stop()
  }

  /** Each content's place stays taken meanwhile: what takes its place is in this turn. */
  #keep(record: PinRecord): void {
    const place = placeOf(record.account, record.root, record.size)
    const before = this.#pins.get(keyOf(place))
    if (before !== undefined && before.record.paidEpoch >= record.paidEpoch) return
    if (before === undefined) this.#take(place)
    const pin: Pin = { ...place, record, durableEpoch: before?.durableEpoch }
    this.#pins.set(keyOf(place), pin)
    this.#log.append(record).then(
      () => {
        pin.durableEpoch = record.paidEpoch
      },
      (error: unknown) => this.#options.onError?.(error),
    )
  }

  /** As it was before the process: a later payment counts, and bounds that are narrower now do not take anything away. */
  #recall(record: PinRecord): void {
    const place = placeOf(record.account, record.root, record.size)
    if (record.paidEpoch === FOR_GOOD) {
      this.#own.set(place.root, { record, kept: Promise.resolve() })
      return
    }
    const before = this.#pins.get(keyOf(place))
    if (before !== undefined && before.record.paidEpoch >= record.paidEpoch) return
    if (before === undefined) this.#take(place)
    this.#pins.set(keyOf(place), { ...place, record, durableEpoch: record.paidEpoch })
  }

  /** What the ledger's epoch has ended. */
  #sweep(): void {
    const epoch = this.#options.epoch()
    if (epoch <= this.#epoch) return
    this.#epoch = epoch
    this.#prices.clear()
    for (const [key, pin] of this.#pins) {
      if (pin.record.paidEpoch + 1n >= epoch) continue
      this.#pins.delete(key)
      this.#drop(pin)
    }
    for (const order of this.#orders) if (order.madeIn + 1n < epoch) this.#leave(order)
  }

  /** @returns whether it was there. */
  #leave(order: Order): boolean {
    const isLiving = this.#orders.delete(order)
    if (isLiving && lessOne(this.#ordered, keyOf(order))) this.#drop(order)
    return isLiving
  }

  get #placesTaken(): number {
    return this.#pins.size + this.#ordered.size
  }

  /** Whoever has paid for it already, or has ordered it, needs no room, but goes on at the same price. */
  #isTakeable(place: Place): boolean {
    const orderBytes = Math.min(place.size, pinChunksOf(place.size) * CHUNK_BYTES)
    const isAffordable = this.#prices.isAffordable(place.account, place.root, { orderBytes, taken: this.#placesTaken })
    return isAffordable && (this.#pins.has(keyOf(place)) || this.#ordered.has(keyOf(place)) || this.#hasRoom(place))
  }

  #hasRoom({ account, root, size }: Place): boolean {
    const { pinnedBytesMax = Number.POSITIVE_INFINITY, pinsMax = PINS_MAX, pinsPerAccountMax = 4_096 } = this.#options
    const more = this.#roots.has(root) ? 0 : size
    const isWithin = this.#pinnedBytes + more <= pinnedBytesMax && this.#placesTaken < pinsMax
    return isWithin && (this.#accounts.get(account) ?? 0) < pinsPerAccountMax
  }

  #take({ account, root, size }: Place): void {
    if (!this.#roots.has(root)) this.#pinnedBytes += size
    this.#roots.set(root, (this.#roots.get(root) ?? 0) + 1)
    this.#accounts.set(account, (this.#accounts.get(account) ?? 0) + 1)
  }

  #drop({ account, root, size }: Place): void {
    if (lessOne(this.#roots, root)) this.#pinnedBytes -= size
    lessOne(this.#accounts, account)
  }

  #live(): readonly PinRecord[] {
    return [...this.#own.values(), ...this.#pins.values()].map(({ record }) => record)
  }
}

const placeOf = (account: Uint8Array, root: Uint8Array, size: number): Place => ({ account: toHex(account), root: toHex(root), size })
const keyOf = ({ account, root }: Place): string => account + root
