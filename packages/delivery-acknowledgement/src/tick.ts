/**
 * Ticks: between two acknowledgements a client may reveal one more element of a hash chain, which says "64 KiB more of this service" at the
 * price of a hash instead of a signature. `x_i = H(x_(i+1))`, so nobody but the client can go on, and a later tick says all that an earlier did.
 */
import { sha256 } from '@selvedge/crypto/sha256'
import { transcriptOf } from '@selvedge/crypto/transcript'
import { DIGEST_BYTES, TICK_CHAIN_LENGTH, TICKS_MAX } from './constants.ts'
import { malformed } from './errors.ts'
import { isEqualBytes } from './wire.ts'

const DOMAIN = transcriptOf('dackTick')
/** Every so many elements are kept, so that going along a chain of 65,536 costs 256 hashes at most and 8 KiB. */
const KEPT_EVERY = 256

/** The newest tick behind an acknowledgement: `x` is the element `index` further than its `payAnchor`. Index 0 and zeros: none. */
export interface Tick {
  readonly index: number
  /** 32 bytes. */
  readonly x: Uint8Array
}

export const NO_TICK: Tick = { index: 0, x: new Uint8Array(DIGEST_BYTES) }

export interface TickChain {
  /** Elements, the anchor counted: indices 0 … length − 1. */
  readonly length: number
  /** The element at `index`, 32 bytes; 0 is the anchor of the first acknowledgement. */
  at(index: number): Uint8Array
}

/**
 * Makes the chain of one (session, service) from 32 secret bytes. It must not be used for another: its elements would be payable there too.
 * @throws {DeliveryAcknowledgementError} `DELIVERY_ACKNOWLEDGEMENT_MALFORMED` for a secret of another width.
 */
export function createTickChain(secret: Uint8Array, length: number = TICK_CHAIN_LENGTH): TickChain {
  if (secret.length !== DIGEST_BYTES) throw malformed(`the secret of a tick chain has ${DIGEST_BYTES} bytes, got ${secret.length}`)
  const kept: Uint8Array[] = [] // kept[j] is the element KEPT_EVERY · j from the end
  let x: Uint8Array = secret.slice()
  for (let step = 0; step < length; step++) {
    if (step % KEPT_EVERY === 0) kept.push(x)
    x = previousTick(x)
  }
  return {
    length,
    at(index) {
      const fromEnd = length - 1 - index
      const start = kept[Math.floor(fromEnd / KEPT_EVERY)]
      if (index < 0 || start === undefined) throw malformed(`a chain of ${length} has no element ${index}`)
      return rewind(start, fromEnd % KEPT_EVERY).slice()
    },
  }
}

/** Whether `tick` was revealed behind `payAnchor`. At most 256 hashes; an anchor of zeros has no ticks. */
export function isTick(payAnchor: Uint8Array, { index, x }: Tick): boolean {
  if (index === 0) return isEqualBytes(x, NO_TICK.x)
  if (index > TICKS_MAX || isEqualBytes(payAnchor, NO_TICK.x)) return false
  return isEqualBytes(rewind(x, index), payAnchor)
}

/** The element before `x`: `SHA-256(domain ‖ x)`. */
export function previousTick(x: Uint8Array): Uint8Array {
  const preimage = new Uint8Array(DOMAIN.length + DIGEST_BYTES)
  preimage.set(DOMAIN)
  preimage.set(x, DOMAIN.length)
  return sha256(preimage)
}

function rewind(x: Uint8Array, steps: number): Uint8Array {
  let element = x
  for (let step = 0; step < steps; step++) element = previousTick(element)
  return element
}
