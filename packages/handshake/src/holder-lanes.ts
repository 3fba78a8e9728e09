/**
 * What the owner of a session knows of lanes that joined connections have (sessions.md §7): as much as their holders tell it. It hands that to its payer, as if the lanes
 * were its own, so that they are signed for; what is told twice or late does no harm. A holder is believed: it can make the owner sign for no more
 * than the node has sent, for the node refuses that.
 *
 * Invariants: what came on a connection behind an EPOCH is told to the payer after that EPOCH: connection 0, which the owner has, may be the slower one, and
 * those bytes are of the new chain. What a holder tells late says nothing of the lanes of another one who has his numbers now.
 */
import { JOINED_LANES_MAX, LANES_A_CONNECTION } from './constants.ts'
import { HandshakeError } from './errors.ts'
import { decodeAccept, decodeOpen } from './frames.ts'
import type { EpochFrame, LaneEnd, SessionPayer } from './paying.ts'

/** Who tells it, by a name of 32 hex digits that no other connection has, and the epoch that was the newest there. */
interface From {
  readonly holder: string
  readonly epoch: bigint
}
type LaneReport = From & { readonly type: 'lane'; readonly lane: number; readonly openBody: Uint8Array; readonly acceptBody: Uint8Array }
type VerifiedReport = From & { readonly type: 'verified'; readonly lane: number; readonly offset: bigint }
type OverReport = From & { readonly type: 'over'; readonly lane: number; readonly offset: bigint; readonly how: LaneEnd }
type Report = LaneReport | VerifiedReport | OverReport
/**
 * What a holder tells the owner, in order. How it travels between them is theirs; it may be cloned.
 * `lane`: the node took a lane; whole bodies of its OPEN and ACCEPT. `verified`: DATA is verified up to `offset`. `over`: the lane is over, and `offset` bytes
 * of it came. `gone`, which the owner makes himself: nothing more will be told by this holder.
 */
export type HolderReport = Report | { readonly type: 'gone'; readonly holder: string }

const SAFE = BigInt(Number.MAX_SAFE_INTEGER)

interface HolderLane {
  readonly holder: string
  verified: bigint
  /** It is over here. */
  end: bigint | undefined
}

/** Of one lane, what waits for an EPOCH. */
interface Held extends From {
  readonly lane?: LaneReport
  readonly verified?: VerifiedReport
  readonly over?: OverReport
}

export class HolderLanes {
  readonly #payer: SessionPayer
  /** In the order in which they were told. One that is over stays until its place is wanted, or its number comes again. */
  readonly #lanes = new Map<number, HolderLane>()
  /** Where lanes that nobody has told of begin in the newest epoch. */
  #boundaries: ReadonlyMap<number, bigint> = new Map()
  /** The newest on connection 0. */
  #epoch: bigint
  readonly #held = new Map<number, Held>()

  /** @param epoch - that the session is in. */
  constructor(payer: SessionPayer, epoch: bigint) {
    this.#payer = payer
    this.#epoch = epoch
  }

  /** @throws {HandshakeError} `HANDSHAKE_BAD_ARGUMENT` where it cannot be one, or too many lanes are told. */
  take(report: HolderReport): void {
    if (report.type === 'gone') return this.#onGone(report.holder)
    verifyReport(report)
    const isHeld = this.#held.get(report.lane)?.holder === report.holder
    if (isHeld || report.epoch > this.#epoch) this.#hold(report)
    else this.#tell(report)
  }

  epoch({ epoch, lanes }: EpochFrame): void {
    this.#epoch = epoch
    const named = lanes.filter(({ lane: id, offset }) => {
      const lane = this.#lanes.get(id)
      const isTold = lane !== undefined && (lane.end === undefined || lane.end === offset)
      return id > LANES_A_CONNECTION && !isTold
    })
    this.#boundaries = new Map(named.map(({ lane, offset }) => [lane, offset]))
    for (const [id, held] of this.#held) if (held.epoch <= epoch) this.#tellHeld(id, held)
  }

  /** Of each lane the newest of each kind is enough. */
  #hold(report: Report): void {
    const { lane, holder } = report
    if (this.#held.size >= JOINED_LANES_MAX && !this.#held.has(lane)) throw tooMany()
    const before = this.#held.get(lane)
    const held = before?.holder === holder ? before : { holder, epoch: 0n }
    const epoch = report.epoch > held.epoch ? report.epoch : held.epoch
    this.#held.set(lane, { ...held, epoch, [report.type]: report })
  }

  #tellHeld(id: number, { lane, verified, over }: Held): void {
    this.#held.delete(id)
    for (const report of [lane, verified, over]) if (report !== undefined) this.#tell(report)
  }

  #tell(report: Report): void {
    switch (report.type) {
      case 'lane':
        return this.#onLane(report)
      case 'verified':
        return this.#onVerified(report)
      case 'over':
        return this.#onOver(report)
    }
  }

  /** What waits for an EPOCH waits on, and then the lane is over. */
  #onGone(holder: string): void {
    for (const [lane, about] of this.#lanes) {
      if (about.holder !== holder) continue
      const held = this.#held.get(lane)
      const over: OverReport = {
        type: 'over',
        holder,
        epoch: 0n,
        lane,
        offset: held?.verified?.offset ?? about.verified,
        how: 'reset-by-node',
      }
      if (held?.holder === holder) this.#held.set(lane, { over, ...held })
      else this.#onOver(over)
    }
  }

  #onLane({ holder, lane, openBody, acceptBody }: LaneReport): void {
    const before = this.#lanes.get(lane)
    if (before !== undefined) this.#end(lane, before, before.verified, 'reset-by-node') // its number came again: all of it is acknowledged
    this.#lanes.delete(lane)
    if (this.#lanes.size >= JOINED_LANES_MAX) this.#makeRoom()
    this.#lanes.set(lane, { holder, verified: 0n, end: undefined })
    const from = this.#boundaries.get(lane) ?? 0n
    this.#payer.lane(lane, decodeOpen(openBody).serviceId, openBody.slice(), acceptBody.slice(), from)
  }

  #onVerified({ holder, lane: id, offset }: VerifiedReport): void {
    const lane = this.#lanes.get(id)
    if (lane?.holder !== holder || offset <= lane.verified) return
    lane.verified = offset
    this.#payer.verified?.(id, offset)
  }

  #onOver({ holder, lane: id, offset, how }: OverReport): void {
    const lane = this.#lanes.get(id)
    if (lane?.holder === holder) this.#end(id, lane, offset, how === 'session-over' ? 'reset-by-node' : how)
  }

  #end(id: number, lane: HolderLane, offset: bigint, how: LaneEnd): void {
    if (lane.end !== undefined) return
    lane.end = offset
    this.#payer.laneOver(id, offset, how)
  }

  #makeRoom(): void {
    for (const [id, { end }] of this.#lanes) if (end !== undefined) return void this.#lanes.delete(id)
    throw tooMany()
  }
}

function verifyReport(report: Report): void {
  const { lane } = report
  const offset = report.type === 'lane' ? 0n : report.offset
  const isJoined = (lane & 0xffff) === lane && lane > LANES_A_CONNECTION && lane % LANES_A_CONNECTION !== 0
  if (!isJoined || offset < 0n || offset > SAFE) throw badReport(`lane ${lane} at ${offset} is of no joined connection`)
  if (report.type === 'lane') verifyBodies(report)
}

function verifyBodies({ openBody, acceptBody }: LaneReport): void {
  try {
    decodeOpen(openBody)
    decodeAccept(acceptBody)
  } catch (cause) {
    throw new HandshakeError('HANDSHAKE_BAD_ARGUMENT', 'the report has no bodies of OPEN and ACCEPT', {}, { cause })
  }
}

function tooMany(): HandshakeError {
  return badReport(`${JOINED_LANES_MAX} lanes of joined connections are open already`)
}

function badReport(message: string): HandshakeError {
  return new HandshakeError('HANDSHAKE_BAD_ARGUMENT', message)
}
