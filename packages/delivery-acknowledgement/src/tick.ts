/**
 * Ticks: between two acknowledgements a client may reveal one more element of a hash chain, which says "64 KiB more of this service" at the
 * price of a hash instead of a signature. `x_i = H(x_(i+1))`, so nobody but the client can go on, and a later tick says all that an earlier did.
 */
import { sha256 } from '@selvedge/crypto/sha256'
import { transcriptOf } from '@selvedge/crypto/transcript'
import { DIGEST_BYTES, TICK_CHAIN_LENGTH, TICKS_MAX } from './constants.ts'
import { malformed } from './errors.ts'
import { isEqualBytes } from './wire.ts'

/** Every so many elements are kept, and one stretch of as many: 16 KiB for a chain of 65,536, and a step along it costs one hash or 256 at once. */
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
 * Makes the chain of one (session, service) from 32 secret bytes: as many hashes as it has elements, at once. It must not be used for another: its
 * elements would be payable there too. Going along it from the anchor costs one hash an element.
 * @throws {DeliveryAcknowledgementError} `DELIVERY_ACKNOWLEDGEMENT_MALFORMED` for a secret of another width.
 */
export function createTickChain(secret: Uint8Array, length: number = TICK_CHAIN_LENGTH): TickChain {
  if (secret.length !== DIGEST_BYTES) throw malformed(`the secret of a tick chain has ${DIGEST_BYTES} bytes, got ${secret.length}`)
  const kept: Uint8Array[] = [] // kept[j] is the element KEPT_EVERY · j from the end
  let x: Uint8Array = Uint8Array.from(secret) // `slice` of a Buffer is a view
  for (let step = 0; step < length; step++) {
    if (step % KEPT_EVERY === 0) kept.push(x)
    x = previousTick(x)
  }
  let stretch: readonly Uint8Array[] = []
  let stretchAt = -1
  return {
    length,
    at(index) {
      const fromEnd = length - 1 - index
      const place = Math.floor(fromEnd / KEPT_EVERY)
      const start = kept[place]
      if (index < 0 || start === undefined) throw malformed(`a chain of ${length} has no element ${index}`)
      if (place !== stretchAt) stretch = stretchFrom(start)
      stretchAt = place
      return stretch[fromEnd % KEPT_EVERY]!.slice()
    },
  }
}

/** Whether `tick` was revealed behind `payAnchor`. At most 256 hashes; an anchor of zeros has no ticks. */
export function isTick(payAnchor: Uint8Array, { index, x }: Tick): boolean {
  if (index === 0) return isEqualBytes(x, NO_TICK.x)
  if (index > TICKS_MAX || isEqualBytes(payAnchor, NO_TICK.x)) return false
  return isStepsBehind(payAnchor, x, index)
}

/** Whether `x` is the element so many steps behind `element`, or `element` itself: as many hashes as steps. */
export function isStepsBehind(element: Uint8Array, x: Uint8Array, steps: number): boolean {
  return x.length === DIGEST_BYTES && isEqualBytes(rewind(x, steps), element)
}

/** Filled again and again: a node hashes once for each tick. Pure, so that who has no ticks does not load it. */
const PREIMAGE: Uint8Array = /* @__PURE__ */ preimageStart()

/**
 * The element before `x`: `SHA-256(domain ‖ x)`.
 * @throws {DeliveryAcknowledgementError} `DELIVERY_ACKNOWLEDGEMENT_MALFORMED` for an `x` of another width than 32 bytes.
 */
export function previousTick(x: Uint8Array): Uint8Array {
  if (x.length !== DIGEST_BYTES) throw malformed(`an element of a tick chain has ${DIGEST_BYTES} bytes, got ${x.length}`)
  PREIMAGE.set(x, PREIMAGE.length - DIGEST_BYTES)
  return sha256(PREIMAGE)
}

/** The domain, and room for an element. */
function preimageStart(): Uint8Array {
  const domain = transcriptOf('dackTick')
  const out = new Uint8Array(domain.length + DIGEST_BYTES)
  out.set(domain)
  return out
}

function rewind(x: Uint8Array, steps: number): Uint8Array {
  let element = x
  for (let step = 0; step < steps; step++) element = previousTick(element)
  return element
}

/** `x` and the elements before it, up to where the next kept one is. */
function stretchFrom(x: Uint8Array): Uint8Array[] {
  const stretch = [x]
  while (stretch.length < KEPT_EVERY) stretch.push(previousTick(stretch.at(-1)!))
  return stretch
}
