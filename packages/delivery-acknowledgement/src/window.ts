/**
 * How far ahead of its acknowledgements an account is served by one node, all its sessions and lanes together.
 *
 * Invariants, after every call: `charged` is what was begun and neither acknowledged nor written off; a unit is charged whole when it begins.
 * A unit that does not fit may begin while `charged` is below `bytes`, and nothing begins above: so `charged` never exceeds the largest window
 * there was by more than one unit. (Without that one, an IPFS leaf of 1 MiB and a window of 256 KiB would wait for each other for ever.)
 * What was written off in an epoch, what is charged and what sessions without a connection were charged (`away`) never exceed `LOSS_BYTES_MAX` together.
 * What is away is no part of the window, which is smaller by what was sent of it; it comes back into both when its session does.
 */
import { ackStepOf } from './ack-step.ts'
import type { Standing } from './ack-store.ts'
import { UNIT_BYTES_MAX } from './constants.ts'

const KIB = 1024
const MIB = 1024 * KIB

/** Window of an account that is not known. */
export const WINDOW_START_BYTES: number = 256 * KIB
/** Window of an account that did not acknowledge in time, and the least there is. */
export const WINDOW_MIN_BYTES: number = 64 * KIB
export const WINDOW_MAX_BYTES: number = 16 * MIB
/** What an account may cost a node in one epoch: written off and not acknowledged, together. */
export const LOSS_BYTES_MAX: number = WINDOW_MAX_BYTES + UNIT_BYTES_MAX
/** After a default: windows acknowledged in full for one doubling. */
const SLOW_WINDOWS = 16

/** `later`: when something was acknowledged; `never`: the account has cost the node what it may in this epoch, or no window holds the unit. */
export type UnitVerdict = 'now' | 'later' | 'never'

/** What outlives the process: of an account's standing, all that its window makes of it. */
export type WindowPast = Pick<Standing, 'lostBytes' | 'windowBytes' | 'slowUntilBytes' | 'defaults'>

export class Window {
  readonly #onPast: () => void
  #bytes = WINDOW_START_BYTES
  #charged = 0
  #lost = 0
  #away = 0
  /** Bytes that may be sent once more in this epoch. */
  #resendable = LOSS_BYTES_MAX
  #defaults = 0
  /** Most that was charged since the window last changed: it does not grow beyond twice what is in use. */
  #peak = 0
  #acknowledged = 0
  /** Grows slowly up to here, for it was here when its account did not acknowledge. */
  #slowUntil = 0

  /** @param onPast - `past` is another now. */
  constructor(onPast: () => void = () => {}) {
    this.#onPast = onPast
  }

  /** What is away counts as lost: no session outlives the process. */
  get past(): WindowPast {
    return { lostBytes: this.#lost + this.#away, windowBytes: this.#bytes, slowUntilBytes: this.#slowUntil, defaults: this.#defaults }
  }

  /** As it was left by an earlier life of the process, before anything happened in this one. @param isThisEpoch - what was lost was lost in it. */
  restore({ lostBytes, windowBytes, slowUntilBytes, defaults }: WindowPast, isThisEpoch: boolean): void {
    this.#lost = isThisEpoch ? lostBytes : 0
    this.#bytes = Math.max(WINDOW_MIN_BYTES, Math.min(WINDOW_START_BYTES, windowBytes))
    this.#slowUntil = slowUntilBytes
    this.#defaults = defaults
  }

  /** W: what may be sent and not acknowledged. */
  get bytes(): number {
    return this.#bytes
  }
  get charged(): number {
    return this.#charged
  }
  /** Written off in this epoch. */
  get lost(): number {
    return this.#lost
  }
  /** Charged by sessions that have no connection now. */
  get away(): number {
    return this.#away
  }
  get defaults(): number {
    return this.#defaults
  }
  /** Whether an account with no bytes out could be served nothing. */
  get isSpent(): boolean {
    return this.#lost + this.#away >= LOSS_BYTES_MAX - UNIT_BYTES_MAX
  }

  /** Nothing is known of the account that a new one would not have. */
  get isFresh(): boolean {
    return this.#charged === 0 && this.#lost === 0 && this.#away === 0 && this.#slowUntil === 0
  }

  /** Whether a unit may begin. */
  judge(unitBytes: number): UnitVerdict {
    const after = this.#charged + unitBytes
    if (after + this.#lost + this.#away > LOSS_BYTES_MAX) return this.#charged + this.#away === 0 ? 'never' : 'later'
    if (after <= this.#bytes) return 'now'
    if (unitBytes > UNIT_BYTES_MAX) return this.#charged === 0 ? 'never' : 'later'
    return this.#charged < this.#bytes ? 'now' : 'later'
  }

  /** A unit begins: it is charged whole. */
  begin(unitBytes: number): void {
    this.#charged += unitBytes
    this.#peak = Math.max(this.#peak, this.#charged)
  }

  /** Begun and never sent. */
  release(bytes: number): void {
    this.#charged -= bytes
  }

  /**
   * Bytes are acknowledged; `isOnTime`: before half of the clock of a stop ran for them.
   * @param bytesMax - what the window may grow to by the price of its bytes.
   * @returns whether the window has another size.
   */
  acknowledge(bytes: number, isOnTime: boolean, bytesMax: number): boolean {
    this.#charged -= bytes
    this.#resendable += bytes
    if (!isOnTime) return false
    this.#acknowledged += bytes
    const isSlow = this.#bytes < this.#slowUntil
    const wanted = isSlow ? SLOW_WINDOWS * this.#bytes : ackStepOf(this.#bytes)
    if (this.#acknowledged < wanted) return false
    const isUsed = this.#peak * 2 >= this.#bytes
    const next = Math.max(WINDOW_MIN_BYTES, Math.min(this.#bytes * 2, WINDOW_MAX_BYTES, bytesMax))
    return isUsed && next > this.#bytes ? this.#resize(next) : false
  }

  /** Bytes of a lane that the node itself gave up: its own loss, but a client can bring it about. */
  forgive(bytes: number): void {
    this.#charged -= bytes
    this.#lost += bytes
    if (bytes > 0) this.#onPast()
  }

  /** What was forgiven was acknowledged after all. */
  recover(bytes: number): void {
    this.#lost = Math.max(0, this.#lost - bytes)
    this.#onPast()
  }

  /**
   * A session loses its connection: `charged` bytes of it are away, and the window is smaller by what was sent of them.
   * @returns by how much it is.
   */
  suspend(charged: number, sent: number): number {
    this.#charged -= charged
    this.#away += charged
    const before = this.#bytes
    if (sent > 0) this.#resize(Math.max(WINDOW_MIN_BYTES, before - sent))
    if (charged > 0) this.#onPast()
    return before - this.#bytes
  }

  /**
   * It is back, with what is left of its bytes; `shrunk`: as `suspend` said, or 0 where the window has another reason since.
   * @param bytesMax - the most that the window becomes for it.
   */
  resume(charged: number, shrunk: number, bytesMax: number): void {
    this.#away -= charged
    this.#charged += charged
    this.#peak = Math.max(this.#peak, this.#charged)
    const bytes = Math.min(bytesMax, this.#bytes + shrunk)
    if (bytes > this.#bytes) this.#resize(bytes)
    if (charged > 0) this.#onPast()
  }

  /** Bytes that are away were never sent. */
  releaseAway(bytes: number): void {
    this.#away -= bytes
    if (bytes > 0) this.#onPast()
  }

  /** Bytes that are away are lost. */
  loseAway(bytes: number): void {
    this.#away -= bytes
    this.#lost += bytes
  }

  /** The session did not come back and owed `lost` bytes: the node's loss. The window stays as it is since the session went, and grows as any does: to be away is no default. */
  expire(lost: number): void {
    this.loseAway(lost)
    if (lost > 0) this.#onPast()
  }

  /** Whether so many bytes may be sent once more: what is paid for may be, and as much as may be lost. */
  resend(bytes: number): boolean {
    this.#resendable -= bytes
    return this.#resendable >= 0
  }

  /** A session went with bytes out: no default, but so much less is risked. @returns whether the window has another size. */
  shrink(bytes: number): boolean {
    this.forgive(bytes)
    return bytes > 0 && this.#shrinkTo(this.#bytes - bytes)
  }

  /** An epoch closed over bytes that were not acknowledged in its grace; `away` more of them belong to sessions without a connection. */
  halve(bytes: number, away: number): boolean {
    this.forgive(bytes)
    this.loseAway(away)
    return bytes + away > 0 && this.#shrinkTo(Math.floor(this.#bytes / 2))
  }

  /** It did not acknowledge in time while the node was stopped. */
  default(bytes: number): boolean {
    this.forgive(bytes)
    this.#defaults++
    this.#slowUntil = Math.max(this.#slowUntil, this.#bytes)
    return this.#shrinkTo(WINDOW_MIN_BYTES)
  }

  /** A new epoch: losses are counted anew. */
  renew(): void {
    this.#lost = 0
    this.#resendable = Math.max(this.#resendable, LOSS_BYTES_MAX)
    if (this.#away > 0) this.#onPast()
  }

  #shrinkTo(bytes: number): boolean {
    const isOther = this.#resize(Math.max(WINDOW_MIN_BYTES, bytes))
    this.#onPast()
    return isOther
  }

  #resize(bytes: number): boolean {
    const isOther = bytes !== this.#bytes
    this.#bytes = bytes
    this.#peak = this.#charged
    this.#acknowledged = 0
    return isOther
  }
}
