/**
 * What a node said of epochs and prices in a session, as the frames that it sent: a client that comes back over another connection is told again,
 * byte for byte, whatever it has not seen (sessions.md §6).
 */
import { EPOCHS_SAID_MAX } from './constants.ts'
import { FRAME } from './frames.ts'
import { encodeEpoch, encodeMeter, encodePrice } from './payment-frames.ts'
import type { EpochFrame, MeterFrame, PriceFrame } from './paying.ts'

export interface Said {
  readonly type: number
  readonly body: Uint8Array
}
interface SaidEpoch {
  readonly epoch: bigint
  /** PRICE that holds in it. */
  readonly price: Uint8Array
  /** EPOCH, with PRICE before it where that is new; nothing for the epoch that the session began in. */
  readonly said: readonly Said[]
}

export class EpochLog {
  readonly #epochs: SaidEpoch[]
  /** Of the next epoch. */
  #nextPrice: Uint8Array | undefined
  readonly #meters = new Map<number, { readonly epoch: bigint; readonly body: Uint8Array }>()

  constructor(epoch: bigint, price: PriceFrame) {
    this.#epochs = [{ epoch, price: encodePrice(price), said: [] }]
  }

  get newest(): bigint {
    return this.#epochs.at(-1)!.epoch
  }

  /** What a connection that joins now is told first: the price that holds, and EPOCH, where it is not the session's first one. */
  get latest(): readonly Said[] {
    const { price, said } = this.#epochs.at(-1)!
    return [{ type: FRAME.price, body: price }, ...said.filter(({ type }) => type === FRAME.epoch)]
  }

  /** Each returns the body of the frame. */
  price(frame: PriceFrame): Uint8Array {
    this.#nextPrice = encodePrice(frame)
    return this.#nextPrice
  }

  epoch(frame: EpochFrame): Uint8Array {
    const body = encodeEpoch(frame)
    const price = this.#nextPrice
    const said: Said[] = price === undefined ? [] : [{ type: FRAME.price, body: price }]
    this.#epochs.push({ epoch: frame.epoch, price: price ?? this.#epochs.at(-1)!.price, said: [...said, { type: FRAME.epoch, body }] })
    this.#nextPrice = undefined
    if (this.#epochs.length > EPOCHS_SAID_MAX) this.#epochs.shift()
    return body
  }

  meter(frame: MeterFrame): Uint8Array {
    const body = encodeMeter(frame)
    this.#meters.set(frame.serviceId, { epoch: frame.epoch, body })
    return body
  }

  /** The price that holds in `epoch`; undefined: the session was never in it, or it is too long ago. */
  priceAt(epoch: bigint): Uint8Array | undefined {
    return this.#epochs.find((each) => each.epoch === epoch)?.price
  }

  /** Everything that a client in `epoch` has not seen, or may have lost, in order. */
  after(epoch: bigint): readonly Said[] {
    const meters = [...this.#meters.values()].filter((meter) => meter.epoch >= this.newest - 1n)
    return [
      ...this.#epochs.filter((each) => each.epoch > epoch).flatMap(({ said }) => said),
      ...meters.map(({ body }) => ({ type: FRAME.meter, body })),
    ]
  }
}
