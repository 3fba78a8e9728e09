/**
 * The connections of one session at a node (sessions.md §3, §7): connection 0, whose client owns the session, keeps its books' link and alone acknowledges; and up to
 * seven that joined with a token of its. All their lanes are one session's: 24 together, one meter, one window.
 *
 * While connection 0 is away nobody can acknowledge, so nothing begins on the others; what was begun is finished, and what the books may not hear meanwhile is
 * told when it is back. When the session is over they are over, and when its owner opens another one too. After `end` the books hear nothing more.
 */
import type { AccessToken, TokenAsk } from './access-token.ts'
import { CODES } from './codes.ts'
import { CONNECTIONS_A_SESSION, JOINED_UNSETTLED_MAX, LANES_A_CONNECTION } from './constants.ts'
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
  isExpired(token: AccessToken): boolean
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
/** Where an acknowledgement names its service (network.md §5.2), and what each tick behind it stands for. Nothing else of them is looked at. */
const ACK_SERVICE_OFFSET = 52
const TICK_BYTES = 65_536

export class SessionConnections {
  readonly session: SharedSession
  readonly #joined = new Map<number, Connection>()
  readonly #debt = new JoinedDebt()
  #own: OwnConnection | undefined
  #window: number
  /** The newest PING of the books, and the connections whose answer it waits for. */
  #ping: { readonly nonce: bigint; readonly body: Uint8Array; readonly waiting: Set<number> } | undefined
  /** Connection 0 is away: ends of joined lanes that the books have not heard of. */
  #away: { readonly lane: number; tell(): void }[] | undefined
  /** The books wait for acknowledgements. */
  #isStopped = false
  #areTokensOver = false
  #isOver = false

  constructor(session: SharedSession) {
    this.session = session
    this.#window = session.welcome.window
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

  /** Connection 0 asks. @throws {HandshakeError} `HANDSHAKE_PROTOCOL`, 6 where there are none. */
  issue(ask: TokenAsk): Uint8Array {
    const { mint, welcome } = this.session
    if (mint === undefined) throw protocolError(CODES.notAuthorised, 'no session of this node can be joined')
    return mint.issue({ ...ask, sessionId: welcome.sessionId })
  }

  /** The number of a connection that may join now. @throws {HandshakeError} `HANDSHAKE_PROTOCOL`: 5, 7. */
  freeNumber(): number {
    if (this.#isOver || this.#areTokensOver) throw protocolError(CODES.expiredToken, 'the owner of the session has opened another one')
    for (let number = 1; number < CONNECTIONS_A_SESSION && !this.#debt.isSpent(this.#window); number++) {
      const isWaited = this.#away?.some(({ lane }) => Math.floor(lane / LANES_A_CONNECTION) === number) === true
      if (!this.#joined.has(number) && this.#debt.isClear(number) && !isWaited) return number
    }
    throw protocolError(CODES.rateLimited, 'the session takes no more connections now')
  }

  join(number: number, connection: Connection): void {
    this.#joined.set(number, connection)
  }

  /** A joined connection is gone; its lanes were told before. */
  left(number: number): void {
    this.#joined.delete(number)
    if (this.#isStopped) this.#giveUp(number)
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
    const mayBegin = isBegun || (this.#away === undefined && this.#debt.mayBegin(this.#window))
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
    if (isLost) this.#endSpent()
  }

  /** The books took an acknowledgement. */
  acknowledged({ acknowledgement, lanes }: AckFrame): void {
    this.#debt.signed(viewOf(acknowledgement).getUint32(ACK_SERVICE_OFFSET, true))
    for (const { lane, verifiedOffset } of lanes) this.#debt.acknowledged(lane, Number(verifiedOffset))
    this.wakeJoined()
  }

  /** The books took a tick. */
  ticked({ serviceId, index }: TickFrame): void {
    this.#debt.ticked(serviceId, index * TICK_BYTES)
    this.wakeJoined()
  }

  setWindow({ window, isStopped }: WindowFrame): void {
    this.#isStopped = isStopped
    const isWider = window > this.#window
    this.#window = window
    this.#endSpent()
    if (isWider) this.wakeJoined()
  }

  /** EPOCH goes to all connections, PRICE too. */
  sayToAll(type: number, body: Uint8Array): void {
    if (type === FRAME.epoch) this.#debt.epochBegan()
    this.#own?.say(type, body)
    for (const connection of this.#joined.values()) connection.say(type, body)
    this.wakeJoined()
  }

  wakeJoined(): void {
    for (const connection of this.#joined.values()) connection.wake()
  }

  /** PING behind the last DATA of each connection that owes: the books hear of it when all have answered. */
  ping(nonce: bigint, body: Uint8Array): void {
    for (let number = 1; number < CONNECTIONS_A_SESSION; number++) if (!this.#joined.has(number)) this.#giveUp(number)
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

  /** The session is over. */
  end(): void {
    this.#isOver = true
    this.#leaveAll(CODES.unknownSession)
  }

  /**
   * What ended on a connection that is gone, and is not acknowledged: its last bytes may have gone with it. It is waited for as long as the books do
   * not wait, for the acknowledgement may be under way; what is given up and comes after all is welcome.
   */
  #giveUp(number: number): void {
    for (const [lane, sent] of this.#debt.overdueOf(number)) this.laneOver(lane, BigInt(sent), 'session-over')
  }

  #endSpent(): void {
    if (this.#joined.size > 0 && this.#debt.isSpent(this.#window)) this.#leaveAll(CODES.rateLimited)
  }

  #leaveAll(code: number): void {
    for (const connection of this.#joined.values()) connection.leave(code)
  }
}
