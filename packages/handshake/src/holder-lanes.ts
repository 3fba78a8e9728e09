/**
 * What the owner of a session knows of lanes that joined connections have (sessions.md §7): as much as their holders tell it. It hands that to its payer, as if the lanes
 * were its own, so that they are signed for; what is told twice or late does no harm. A holder is believed as far as its token goes, and no farther: a node refuses to be
 * paid for more than it has sent, but where node and holder are one nothing was sent.
 *
 * Invariants: on account of one token no more is ever signed for, on all its lanes together, than the owner allowed when he asked for it. What came on a connection
 * behind an EPOCH is told to the payer after that EPOCH: connection 0, which the owner has, may be the slower one, and those bytes are of the new chain. What a holder tells late says nothing of the lanes of another one who has his numbers now.
 */
import { JOINED_LANES_MAX, LANES_A_CONNECTION, TOKENS_KEPT_MAX } from './constants.ts'
import { HandshakeError } from './errors.ts'
import { decodeAccept, decodeOpen } from './frames.ts'
import type { EpochFrame, LaneEnd, SessionPayer } from './paying.ts'

/** Who tells it, by a name of 32 hex digits that no other connection has, and the epoch that was the newest there. */
interface From {
  readonly holder: string
  readonly epoch: bigint
}
interface LaneReport extends From {
  readonly type: 'lane'
  readonly lane: number
  /** Name of the token that it was opened with. */
  readonly token: string
  readonly openBody: Uint8Array
  readonly acceptBody: Uint8Array
}
type VerifiedReport = From & { readonly type: 'verified'; readonly lane: number; readonly offset: bigint }
type OverReport = From & { readonly type: 'over'; readonly lane: number; readonly offset: bigint; readonly how: LaneEnd }
type RefusedReport = From & { readonly type: 'refused'; readonly lane: number }
type Report = LaneReport | VerifiedReport | OverReport | RefusedReport
/**
 * What a holder tells the owner, in order. How it travels between them is theirs; it may be cloned.
 * `lane`: the node took a lane; whole bodies of its OPEN and ACCEPT. `verified`: DATA is verified up to `offset`. `refused`: what came behind that is wrong. `over`:
 * the lane is over, and `offset` bytes of it came. `gone`, which the owner makes himself: nothing more will be told by this holder.
 */
export type HolderReport = Report | { readonly type: 'gone'; readonly holder: string }

const SAFE = BigInt(Number.MAX_SAFE_INTEGER)
/** A name is 32 hex digits; whatever else comes in its place is kept no longer than that. */
const NAME_LENGTH_MAX = 32
const TYPES: readonly unknown[] = ['lane', 'verified', 'refused', 'over'] satisfies Report['type'][]
const LANE_ENDS: readonly unknown[] = ['ended', 'reset-by-client', 'reset-by-node', 'session-over'] satisfies LaneEnd[]

interface HolderLane {
  readonly holder: string
  readonly token: string
  /** As far as the token goes. */
  verified: bigint
  /** It is over here. */
  end: bigint | undefined
  isRefused: boolean
}

/** Of one lane, what waits for an EPOCH. */
interface Held extends From {
  readonly lane?: LaneReport
  readonly verified?: VerifiedReport
  readonly refused?: RefusedReport
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
  /** What may still be signed for on account of each token, by its name, in the order in which they were given. */
  readonly #left = new Map<string, bigint>()

  /** @param epoch - that the session is in. */
  constructor(payer: SessionPayer, epoch: bigint) {
    this.#payer = payer
    this.#epoch = epoch
  }

  /** Whether the node gave the token before. */
  isAllowed(token: string): boolean {
    return this.#left.has(token)
  }

  /** The node gave a token: whoever has it is believed for so many bytes. */
  allow(token: string, bytesMax: number): void {
    this.#left.set(token, BigInt(bytesMax))
    if (this.#left.size <= TOKENS_KEPT_MAX) return
    const used = new Set([...this.#lanes.values()].map((lane) => lane.token))
    for (const each of this.#left.keys()) if (!used.has(each)) return void this.#left.delete(each)
  }

  /** @throws {HandshakeError} `HANDSHAKE_BAD_ARGUMENT` where it cannot be one, or too many lanes are told. */
  take(report: HolderReport): void {
    verifyName(report)
    if (report.type === 'gone') return this.#onGone(report.holder)
    verifyReport(report)
    if (report.type === 'lane' && !this.#left.has(report.token)) throw badReport(`lane ${report.lane} is of no token that was asked for`)
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

  #tellHeld(id: number, { lane, verified, refused, over }: Held): void {
    this.#held.delete(id)
    for (const report of [lane, verified, refused, over]) if (report !== undefined) this.#tell(report)
  }

  #tell(report: Report): void {
    switch (report.type) {
      case 'lane':
        return this.#onLane(report)
      case 'verified':
        return this.#onVerified(report)
      case 'refused':
        return this.#onRefused(report)
      case 'over':
        return this.#onOver(report)
    }
  }

  /** What waits for an EPOCH waits on, and then the lane is over; also one of which nothing was told yet. */
  #onGone(holder: string): void {
    const ended = { type: 'over', holder, epoch: 0n, how: 'reset-by-node' } as const
    for (const [lane, about] of this.#lanes) {
      if (about.holder === holder && this.#held.get(lane)?.holder !== holder) this.#onOver({ ...ended, lane, offset: about.verified })
    }
    for (const [lane, held] of this.#held) {
      if (held.holder !== holder) continue
      const told = held.lane === undefined ? (this.#lanes.get(lane)?.verified ?? 0n) : 0n
      this.#held.set(lane, { over: { ...ended, lane, offset: held.verified?.offset ?? told }, ...held })
    }
  }

  #onLane({ holder, token, lane, openBody, acceptBody }: LaneReport): void {
    const before = this.#lanes.get(lane)
    if (before !== undefined) this.#end(lane, before, before.verified, 'reset-by-node') // its number came again: all of it is acknowledged
    this.#lanes.delete(lane)
    if (this.#lanes.size >= JOINED_LANES_MAX) this.#makeRoom()
    this.#lanes.set(lane, { holder, token, verified: 0n, end: undefined, isRefused: false })
    const from = this.#boundaries.get(lane) ?? 0n
    this.#payer.lane(lane, decodeOpen(openBody).serviceId, openBody.slice(), acceptBody.slice(), from)
  }

  #onVerified({ holder, lane: id, offset }: VerifiedReport): void {
    const lane = this.#lanes.get(id)
    if (lane?.holder !== holder || lane.isRefused) return
    const end = lane.end !== undefined && offset > lane.end ? lane.end : offset
    if (this.#use(lane, end) > 0n) this.#payer.verified?.(id, lane.verified)
  }

  #onRefused({ holder, lane: id }: RefusedReport): void {
    const lane = this.#lanes.get(id)
    if (lane?.holder !== holder) return
    lane.isRefused = true
    this.#payer.refuse?.(id)
  }

  #onOver({ holder, lane: id, offset, how }: OverReport): void {
    const lane = this.#lanes.get(id)
    if (lane?.holder === holder) this.#end(id, lane, offset, how === 'session-over' ? 'reset-by-node' : how)
  }

  /** What its reader leaves is signed for to its end, verified or not: as far as the token goes, that is where it ends. */
  #end(id: number, lane: HolderLane, offset: bigint, how: LaneEnd): void {
    if (lane.end !== undefined) return
    const isCut = how === 'reset-by-client' && !lane.isRefused && offset > lane.verified
    if (isCut) this.#use(lane, offset)
    lane.end = isCut ? lane.verified : offset
    this.#payer.laneOver(id, lane.end, how)
  }

  /** The lane is to be signed for up to `offset`, or as far as is left of its token. @returns by how much that is more than it was. */
  #use(lane: HolderLane, offset: bigint): bigint {
    const left = this.#left.get(lane.token) ?? 0n
    const wanted = offset - lane.verified
    const bytes = wanted < left ? wanted : left
    if (bytes <= 0n) return 0n
    this.#left.set(lane.token, left - bytes)
    lane.verified += bytes
    return bytes
  }

  #makeRoom(): void {
    for (const [id, { end }] of this.#lanes) if (end !== undefined) return void this.#lanes.delete(id)
    throw tooMany()
  }
}

function verifyName(report: HolderReport): void {
  const { holder } = (typeof report === 'object' && report !== null ? report : {}) as { readonly holder?: unknown }
  if (typeof holder !== 'string' || holder.length > NAME_LENGTH_MAX) throw badReport('the report names nobody who tells it')
}

/** It was cloned from who knows where: nothing in it is of its type before it is looked at. */
function verifyReport(report: Report): void {
  const { type, epoch, lane } = report
  const offset = type === 'verified' || type === 'over' ? report.offset : 0n
  const how = type === 'over' ? report.how : 'ended'
  const isOfTypes = typeof epoch === 'bigint' && typeof lane === 'number' && typeof offset === 'bigint'
  if (!(isOfTypes && TYPES.includes(type) && LANE_ENDS.includes(how))) throw badReport('the report is of no form that there is')
  const isJoined = (lane & 0xffff) === lane && lane > LANES_A_CONNECTION && lane % LANES_A_CONNECTION !== 0
  if (!isJoined || offset < 0n || offset > SAFE) throw badReport(`lane ${lane} at ${offset} is of no joined connection`)
  if (type === 'lane') verifyBodies(report)
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
