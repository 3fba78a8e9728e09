/**
 * The connections of one session at a node (sessions.md §3, §7): connection 0, whose client owns the session, keeps its books' link and alone acknowledges; and up to
 * seven that joined with a token of its. All their lanes are one session's: 24 together, one meter, one window.
 *
 * While connection 0 is away nobody can acknowledge, so nothing begins on the others; what was begun is finished, and what the books may not hear meanwhile is
 * told when it is back. When the session is over they are over, and when its owner opens another one too. After `end` the books hear nothing more.
 */
import type { AccessToken, TokenAsk } from './access-token.ts'
import { CODES } from './codes.ts'
import { JOINED_UNSETTLED_MAX, LANES_A_CONNECTION, TOKEN_PLACES_MAX } from './constants.ts'
import type { Said } from './epoch-log.ts'
import { FRAME, protocolError, viewOf } from './frames.ts'
import type { Welcome } from './greeting.ts'
import { JoinedDebt } from './joined-debt.ts'
import type { AckFrame, LaneEnd, SessionMeter, TickFrame, WindowFrame } from './paying.ts'

/** Who makes tokens and knows them again. */
export interface TokenMint {
  issue(about: Omit<AccessToken, 'expirySeconds'> & { readonly ttlSeconds: number }): Uint8Array
  /** @throws {HandshakeError} `HANDSHAKE_PROTOCOL`: 6 not of this node, 5 out of date. */
  open(token: Uint8Array): AccessToken
  /** 0: it is out of date. */
  secondsLeft(token: AccessToken): number
}

/** A connection, as its session sees it. */
export interface Connection {
  readonly openLanes: number
  say(type: number, body: Uint8Array): void
  /** Lanes that may not send are asked again. */
  wake(): void
  leave(code: number): void
}
/** Connection 0, and what one that joins now is told first: PRICE, and the newest EPOCH. */
export interface OwnConnection extends Connection {
  readonly latest: readonly Said[]
  /** WINDOW, with `spare` bytes. */
  sayWindow(): void
}

interface SharedSession {
  /** The session's first. */
  readonly welcome: Welcome
  readonly account: Uint8Array
  /** That HELLO proved. */
  readonly ownerKey: Uint8Array
  readonly meter: SessionMeter
  /** @default nobody can join */
  readonly mint: TokenMint | undefined
}

const OWN = 0
/** Of connections that joined. */
const NUMBERS: readonly number[] = [1, 2, 3, 4, 5, 6, 7]
/** Where an acknowledgement names its chain (network.md §5.2), and what each tick behind it stands for. Nothing else of them is looked at. */
const ACK_SERVICE_OFFSET = 52
const ACK_EPOCH_OFFSET = 58
const TICK_BYTES = 65_536
/** The smallest step in which a client acknowledges (network.md §5.2). */
const STEP_BYTES_MIN = 16_384

export class SessionConnections {
  readonly session: SharedSession
  readonly #joined = new Map<number, Connection>()
  /** With which token each number was last joined. */
  readonly #serialOf = new Map<number, number>()
  readonly #debt = new JoinedDebt()
  #own: OwnConnection | undefined
  #window: number
  /** As the owner was told last. */
  #toldSpare: number
  /** The newest PING of the books, and the connections whose answer it waits for. */
  #ping: { readonly nonce: bigint; readonly body: Uint8Array; readonly waiting: Set<number> } | undefined
  /** Connection 0 is away: ends of joined lanes that the books have not heard of. */
  #away: { readonly lane: number; tell(): void }[] | undefined
  #tokens = 0
  #areTokensOver = false
  #isOver = false

  constructor(session: SharedSession) {
    this.session = session
    this.#window = session.welcome.window
    this.#toldSpare = this.#window
  }

  begin(own: OwnConnection): void {
    this.#own = own
  }

  /** Lanes that are open, over all connections; and those of joined ones. */
  get openLanes(): number {
    return (this.#own?.openLanes ?? 0) + this.joinedLanes
  }
  get joinedLanes(): number {
    let lanes = 0
    for (const { openLanes } of this.#joined.values()) lanes += openLanes
    return lanes
  }

  get latest(): readonly Said[] {
    return this.#own?.latest ?? []
  }

  /**
   * What is left of W where others took of it what nobody signs for: what was lost, and what is not acknowledged of lanes that ended on connections that are gone. The
   * owner is told so much, for he acknowledges in quarters of it: of larger ones none would be full before nothing more begins.
   */
  get spare(): number {
    const overdue = NUMBERS.reduce((sum, number) => sum + (this.#joined.has(number) ? 0 : this.#debt.overdueBytes(number)), 0)
    return Math.max(0, this.#window - this.#debt.lost - overdue)
  }

  /** Connection 0 asks. @throws {HandshakeError} `HANDSHAKE_PROTOCOL`, 6 where there are none. */
  issue(ask: TokenAsk): Uint8Array {
    const { mint, welcome } = this.session
    if (mint === undefined) throw protocolError(CODES.notAuthorised, 'no session of this node can be joined')
    this.#tokens = (this.#tokens + 1) >>> 0
    return mint.issue({ ...ask, sessionId: welcome.sessionId, serial: this.#tokens })
  }

  /**
   * The number of a connection that may join with the token now. A number is taken until nothing is owed for it, and by one token two at most: it is for one connection, and
   * for one more where that was lost. @throws {HandshakeError} `HANDSHAKE_PROTOCOL`: 5, 7.
   */
  freeNumber({ serial }: Pick<AccessToken, 'serial'>): number {
    if (this.#isOver || this.#areTokensOver) throw protocolError(CODES.expiredToken, 'the owner of the session has opened another one')
    const [number] = NUMBERS.filter((each) => this.#isFree(each))
    const places = NUMBERS.filter((each) => this.#serialOf.get(each) === serial && !this.#isFree(each))
    if (number === undefined || places.length >= TOKEN_PLACES_MAX || this.#debt.isSpent(this.#window))
      throw protocolError(CODES.rateLimited, 'the session takes no more connections now, or none with this token')
    return number
  }

  join(number: number, connection: Connection, { serial }: Pick<AccessToken, 'serial'>): void {
    this.#joined.set(number, connection)
    this.#serialOf.set(number, serial)
  }

  /** A joined connection is gone; its lanes were told before. */
  left(number: number): void {
    this.#joined.delete(number)
    this.#tellSpare()
    const ping = this.#ping
    if (ping === undefined || !ping.waiting.delete(number) || ping.waiting.size > 0) return
    ping.waiting.add(OWN) // asked once more, so that the clock of the books starts no sooner than now
    this.#own?.say(FRAME.ping, ping.body)
  }

  /** Whether joined connections have left so much unacknowledged that none of them may open a lane. */
  get isCrowded(): boolean {
    return this.#debt.unsettledLanes >= JOINED_UNSETTLED_MAX
  }

  /** Of joined lanes. */
  lane(lane: number, serviceId: number, openBody: Uint8Array, acceptBody: Uint8Array): void {
    if (this.#isOver) return
    this.#debt.open(lane)
    this.session.meter.lane(lane, serviceId, openBody, acceptBody)
  }

  allow(lane: number, unitBytes: number, isBegun: boolean): boolean {
    if (this.#isOver) return false
    const mayBegin = isBegun || (this.#away === undefined && this.#mayBegin())
    const isAllowed = mayBegin && this.session.meter.allow(lane, unitBytes, isBegun)
    if (isAllowed && !isBegun) this.#debt.begin(lane, unitBytes)
    return isAllowed
  }

  sent(lane: number, offset: bigint, isUnitEnd: boolean): void {
    if (this.#isOver) return
    this.#debt.sent(lane, Number(offset), isUnitEnd)
    this.session.meter.sent(lane, offset, isUnitEnd)
  }

  /** Lost with its connection, it is what the node gives up: nobody knows how much of it came. */
  laneOver(lane: number, offset: bigint, how: LaneEnd): void {
    if (this.#isOver) return
    const isLost = how === 'session-over'
    this.#debt.over(lane, Number(offset), isLost)
    const tell = (): void => this.session.meter.laneOver(lane, offset, isLost ? 'reset-by-node' : how)
    if (this.#away === undefined) tell()
    else this.#away.push({ lane, tell })
    if (!isLost) return
    this.#tellSpare()
    this.#endSpent()
  }

  /** The books took an acknowledgement. */
  acknowledged({ acknowledgement, lanes }: AckFrame): void {
    const view = viewOf(acknowledgement)
    this.#debt.signed(view.getBigUint64(ACK_EPOCH_OFFSET, true), view.getUint32(ACK_SERVICE_OFFSET, true))
    for (const { lane, verifiedOffset } of lanes) this.#debt.acknowledged(lane, Number(verifiedOffset))
    this.#tellSpare()
    this.wakeJoined()
  }

  /** The books took a tick. */
  ticked({ epoch, serviceId, index }: TickFrame): void {
    this.#debt.ticked(epoch, serviceId, index * TICK_BYTES)
    this.wakeJoined()
  }

  setWindow({ window }: WindowFrame): void {
    const isWider = window > this.#window
    this.#window = window
    this.#toldSpare = this.spare
    this.#own?.sayWindow()
    this.#endSpent()
    if (isWider) this.wakeJoined()
  }

  sayEpoch(epoch: bigint, body: Uint8Array): void {
    this.#debt.epochBegan(epoch)
    this.sayToAll(FRAME.epoch, body)
    this.#tellSpare()
  }

  /** EPOCH goes to all connections, PRICE too. */
  sayToAll(type: number, body: Uint8Array): void {
    this.#own?.say(type, body)
    for (const connection of this.#joined.values()) connection.say(type, body)
    this.wakeJoined()
  }

  wakeJoined(): void {
    for (const connection of this.#joined.values()) connection.wake()
  }

  /** PING behind the last DATA of each connection that owes: the books hear of it when all have answered. */
  ping(nonce: bigint, body: Uint8Array): void {
    const owing = [...this.#joined].filter(([number]) => this.#debt.owes(number))
    this.#ping = { nonce, body, waiting: new Set([OWN, ...owing.map(([number]) => number)]) }
    this.#own?.say(FRAME.ping, body)
    for (const [, connection] of owing) connection.say(FRAME.ping, body)
  }

  pong(number: number, nonce: bigint, nowMs: number): void {
    if (this.#isOver) return
    const ping = this.#ping
    if (nonce !== ping?.nonce) {
      if (number === OWN) this.session.meter.pong(nonce, nowMs) // the keep-alive's, or an old one
      return
    }
    ping.waiting.delete(number)
    if (ping.waiting.size > 0) return
    this.#ping = undefined
    this.session.meter.pong(nonce, nowMs)
  }

  /** The books waited too long for answers: joined connections that gave none end. @returns whether connection 0 had answered: a silent holder is not its owner. */
  cut(): boolean {
    const silent = [...(this.#ping?.waiting ?? [])]
    this.#ping = undefined
    for (const number of silent) this.#joined.get(number)?.leave(CODES.idleTimeout)
    return silent.length > 0 && !silent.includes(OWN)
  }

  /** Connection 0 is away. */
  suspend(): void {
    this.#away ??= []
    this.#ping = undefined
  }

  /** It is back, and the books know. */
  resume(): void {
    const tells = this.#away ?? []
    this.#away = undefined
    for (const { tell } of tells) tell()
    this.wakeJoined()
  }

  /** The owner has opened another session: the tokens of this one are no good, and who joined with one goes. */
  endTokens(): void {
    this.#areTokensOver = true
    this.#leaveAll(CODES.expiredToken)
  }

  /**
   * Gives up what ended on connections that are gone, and is not acknowledged: its last bytes may have gone with them, and nobody may ever sign for it. Only when the books
   * have waited for as long as they do: until then the acknowledgement may be under way. What comes after all is welcome. @returns whether there was any.
   */
  giveUp(): boolean {
    if (this.#isOver || this.#away !== undefined) return false
    const overdue = NUMBERS.flatMap((number) => (this.#joined.has(number) ? [] : this.#debt.overdueOf(number)))
    for (const [lane, sent] of overdue) this.laneOver(lane, BigInt(sent), 'session-over')
    return overdue.length > 0
  }

  /** The session is over. */
  end(): void {
    this.#isOver = true
    this.#leaveAll(CODES.unknownSession)
  }

  /** Whether nobody is there under the number, and nothing is owed for it or still to be told. */
  #isFree(number: number): boolean {
    const isWaited = this.#away?.some(({ lane }) => Math.floor(lane / LANES_A_CONNECTION) === number) === true
    return !this.#joined.has(number) && this.#debt.isClear(number) && !isWaited
  }

  /** Where so little is left that nobody would acknowledge it, others are not let wait for what may never come. */
  #mayBegin(): boolean {
    const mayBegin = this.#debt.mayBegin(this.#window)
    if (!mayBegin && this.spare < STEP_BYTES_MIN) this.#leaveAll(CODES.rateLimited)
    return mayBegin
  }

  #tellSpare(): void {
    const { spare } = this
    if (spare === this.#toldSpare) return
    this.#toldSpare = spare
    this.#own?.sayWindow()
  }

  #endSpent(): void {
    if (this.#joined.size > 0 && this.#debt.isSpent(this.#window)) this.#leaveAll(CODES.rateLimited)
  }

  #leaveAll(code: number): void {
    for (const connection of this.#joined.values()) connection.leave(code)
  }
}
