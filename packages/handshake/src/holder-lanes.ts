/**
 * What the owner of a session knows of lanes that joined connections have (sessions.md §7): as much as their holders tell it. It hands that to its payer, as if the lanes
 * were its own, so that they are signed for; what is told twice or late does no harm. A holder is believed as far as its token goes, and no farther: a node refuses to be
 * paid for more than it has sent, but where node and holder are one nothing was sent. Who tells what no holder of his token can have seen is cut off: nothing more is
 * believed of that token, its lanes are over where they were verified, and those of others go on.
 *
 * Invariants: of one token no more than 64 lanes are not over or wait for an EPOCH, also one that is over and of which more waits, and of all together 256. On account
 * of one token no more is ever signed for, on all its lanes together, than the owner allowed when he asked for it. What came on a connection behind an EPOCH is told to
 * the payer after that EPOCH: connection 0, which the owner has, may be the slower one, and those bytes are of the new chain. What a holder tells late says nothing of
 * the lanes of another one who has his numbers now.
 */
import { EPOCHS_SAID_MAX, HOLDER_LANES_MAX, JOINED_LANES_MAX, LANES_A_CONNECTION, TOKENS_KEPT_MAX } from './constants.ts'
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

/** What the owner meant a token for. */
interface TokenTerms {
  readonly serviceId: number
  /** To be signed for on account of it, at most. */
  readonly bytesMax: number
}
interface Allowed {
  readonly serviceId: number
  /** What may still be signed for. */
  left: bigint
  isCutOff: boolean
}

/** Of one lane, what waits for an EPOCH. */
interface Held extends From {
  readonly token: string
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
  /** By the name of the token, in the order in which they were given. */
  readonly #allowed = new Map<string, Allowed>()

  /** @param epoch - that the session is in. */
  constructor(payer: SessionPayer, epoch: bigint) {
    this.#payer = payer
    this.#epoch = epoch
  }

  /** Whether the node gave the token before. */
  isAllowed(token: string): boolean {
    return this.#allowed.has(token)
  }

  /** The node gave a token: whoever has it is believed for so many bytes of that service. */
  allow(token: string, { serviceId, bytesMax }: TokenTerms): void {
    this.#allowed.set(token, { serviceId, left: BigInt(bytesMax), isCutOff: false })
    if (this.#allowed.size <= TOKENS_KEPT_MAX) return
    const used = new Set([...this.#lanes.values(), ...this.#held.values()].map((lane) => lane.token))
    for (const each of this.#allowed.keys()) if (!used.has(each)) return void this.#allowed.delete(each)
  }

  /**
   * @throws {HandshakeError} `HANDSHAKE_BAD_ARGUMENT`: it cannot be one, and nothing happens; or no holder of its token can have seen that, or there are too many of its
   *   lanes, and nothing more is believed of that token.
   */
  take(report: HolderReport): void {
    verifyName(report)
    if (report.type === 'gone') return this.#onGone(report.holder)
    verifyReport(report)
    const token = this.#tokenOf(report)
    const allowed = token === undefined ? undefined : this.#allowed.get(token)
    if (token === undefined || allowed === undefined || allowed.isCutOff) {
      if (report.type === 'lane') throw badReport(`lane ${report.lane} is of no token that was asked for`)
      return // of a lane that nobody told of, or that went with its token
    }
    const fault = this.#faultOf(report, token, allowed)
    if (fault !== undefined) {
      this.#cutOff(token)
      throw badReport(fault)
    }
    const isHeld = this.#held.get(report.lane)?.holder === report.holder
    if (isHeld || report.epoch > this.#epoch) this.#hold(report, token)
    else this.#tell(report)
  }

  /** Which token the lane is of, as its holder told. */
  #tokenOf(report: Report): string | undefined {
    const { lane, holder } = report
    if (report.type === 'lane') return report.token
    return [this.#held.get(lane), this.#lanes.get(lane)].find((each) => each?.holder === holder)?.token
  }

  /** What is wrong with it, of all that an owner can see; where it is of one lane more than there is room for, the token that has most lanes is cut off. */
  #faultOf(report: Report, token: string, { serviceId }: Allowed): string | undefined {
    if (report.epoch > this.#epoch + BigInt(EPOCHS_SAID_MAX)) return `epoch ${report.epoch} cannot have come yet, after ${this.#epoch}`
    if (report.type === 'lane') {
      const { serviceId: of } = decodeOpen(report.openBody)
      if (of !== serviceId) return `lane ${report.lane} is of service ${of}, and its token of ${serviceId}`
    } else if (report.epoch <= this.#epoch || this.#held.get(report.lane)?.holder === report.holder) return undefined
    const counts = this.#lanesByToken(report.lane)
    const own = (counts.get(token) ?? 0) + 1
    if (own > HOLDER_LANES_MAX) return `${HOLDER_LANES_MAX} lanes of one token are open or wait already`
    const all = [...counts].toSorted(([, a], [, b]) => b - a)
    if (all.reduce((sum, [, count]) => sum + count, 0) < JOINED_LANES_MAX) return undefined
    const [largest, most] = all[0]!
    if (most <= own) return `${JOINED_LANES_MAX} lanes of joined connections are open or wait already`
    this.#cutOff(largest)
    return undefined
  }

  /** Lanes that are not over or that wait, without those of that number. */
  #lanesByToken(without: number): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    const count = (id: number, token: string): void => {
      if (id !== without) counts.set(token, (counts.get(token) ?? 0) + 1)
    }
    for (const [id, { token }] of this.#held) count(id, token)
    for (const [id, { end, token }] of this.#lanes) if (end === undefined && this.#held.get(id)?.token !== token) count(id, token)
    return counts
  }

  /** Nothing more is believed of the token: it is as if all who have it were gone, and what waits is not told. It stays known, lest the node give it again. */
  #cutOff(token: string): void {
    const allowed = this.#allowed.get(token)
    if (allowed !== undefined) allowed.isCutOff = true
    for (const [id, held] of this.#held) if (held.token === token) this.#held.delete(id)
    for (const [id, lane] of this.#lanes) if (lane.token === token) this.#end(id, lane, lane.verified, 'reset-by-node')
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
  #hold(report: Report, token: string): void {
    const { lane, holder } = report
    const before = this.#held.get(lane)
    const held = before?.holder === holder ? before : { holder, token, epoch: 0n }
    const epoch = report.epoch > held.epoch ? report.epoch : held.epoch
    this.#held.set(lane, { ...held, token, epoch, [report.type]: report })
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
    if (this.#lanes.size >= JOINED_LANES_MAX) this.#forgetOver()
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
    const allowed = this.#allowed.get(lane.token)
    const wanted = offset - lane.verified
    if (allowed === undefined || wanted <= 0n) return 0n
    const bytes = wanted < allowed.left ? wanted : allowed.left
    allowed.left -= bytes
    lane.verified += bytes
    return bytes
  }

  /** The oldest of those that are over: there is one, since not so many are open. */
  #forgetOver(): void {
    for (const [id, { end }] of this.#lanes) if (end !== undefined) return void this.#lanes.delete(id)
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

function badReport(message: string): HandshakeError {
  return new HandshakeError('HANDSHAKE_BAD_ARGUMENT', message)
}
