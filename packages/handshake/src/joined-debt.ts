/**
 * What the joined connections of one session were sent and nobody has acknowledged, lane by lane. The books charge what is on connections that are there, and give up what
 * went with one; so this is the bound on what a stolen token takes where connections come and go: what was lost stays counted until the epoch is over, and
 * nothing new begins on joined lanes while it is W together with what is unpaid there.
 */
interface DebtLane {
  sent: number
  /** The end of the unit in progress, or what was sent. */
  begun: number
  acked: number
  isOver: boolean
  /** It went with its connection: the books wrote it off. */
  isLost: boolean
  /** An epoch began since it was over: it counts for nothing any more, but its number is not free. */
  isOld: boolean
}

interface Ticked {
  readonly epoch: bigint
  readonly bytes: number
}

/** A lane's number is `connection · 8192 + k`. */
const CONNECTION_SHIFT = 13
/** Of W: when more than that was lost, what is left is too little for a client to acknowledge in steps of a quarter. */
const LOST_SHARE_MAX = 0.75

export class JoinedDebt {
  /** By connection and number. A lane is in it until it is over and acknowledged. */
  readonly #lanes = new Map<number, Map<number, DebtLane>>()
  #unpaid = 0
  #lost = 0
  /** What ticks said since the last acknowledgement of their chain. They name no lanes: what they say of the owner's own counts here too. */
  readonly #ticked = new Map<string, Ticked>()

  /** Bytes sent in this epoch, units in progress whole, that no acknowledgement and no tick pays. */
  get unpaid(): number {
    let ticked = 0
    for (const { bytes } of this.#ticked.values()) ticked += bytes
    return Math.max(0, this.#unpaid - ticked)
  }

  /** Lanes that are open, or over and not acknowledged to their end. */
  get unsettledLanes(): number {
    let lanes = 0
    for (const each of this.#lanes.values()) lanes += each.size
    return lanes
  }

  /** Whether a unit may begin on a joined lane, as far as it is not the books' to judge: they do not charge what was lost. */
  mayBegin(window: number): boolean {
    return this.#lost === 0 || this.unpaid < window
  }

  /** Whether joined connections have cost so much in this epoch that there are to be none. */
  isSpent(window: number): boolean {
    return this.#lost > window * LOST_SHARE_MAX
  }

  /** Of lanes that went with their connections in this epoch, what nobody has signed for after all. */
  get lost(): number {
    return this.#lost
  }

  /** What nobody has signed for, or lost, of lanes of the connection that are over in this epoch. */
  overdueBytes(connection: number): number {
    let bytes = 0
    for (const { isOver, isLost, isOld, sent, acked } of this.#of(connection).values())
      if (isOver && !isLost && !isOld) bytes += Math.max(0, sent - acked)
    return bytes
  }

  /** Whether the connection has a lane, or something of one is not acknowledged. */
  owes(connection: number): boolean {
    return [...this.#of(connection).values()].some(({ isOld }) => !isOld)
  }

  /** Lanes of the connection that are over, not acknowledged and not given up, each with what was sent on it. */
  overdueOf(connection: number): readonly (readonly [lane: number, sent: number])[] {
    return [...this.#of(connection)].flatMap(([lane, { isOver, isLost, sent }]) => (isOver && !isLost ? [[lane, sent] as const] : []))
  }

  /** Whether all lanes of the connection are over and acknowledged, so that its number may be used again. */
  isClear(connection: number): boolean {
    return this.#of(connection).size === 0
  }

  open(lane: number): void {
    this.#of(lane >> CONNECTION_SHIFT).set(lane, { sent: 0, begun: 0, acked: 0, isOver: false, isLost: false, isOld: false })
  }

  /** A unit begins. */
  begin(lane: number, unitBytes: number): void {
    this.#change(lane, (debt) => (debt.begun = debt.sent + unitBytes))
  }

  sent(lane: number, offset: number, isUnitEnd: boolean): void {
    this.#change(lane, (debt) => {
      debt.sent = Math.max(debt.sent, offset)
      debt.begun = isUnitEnd ? debt.sent : Math.max(debt.begun, debt.sent)
    })
  }

  acknowledged(lane: number, offset: number): void {
    this.#change(lane, (debt) => (debt.acked = Math.max(debt.acked, offset)))
  }

  /** A tick of a chain says so many bytes. */
  ticked(epoch: bigint, serviceId: number, bytes: number): void {
    this.#ticked.set(`${epoch} ${serviceId}`, { epoch, bytes })
  }

  /** An acknowledgement of the chain came: it signs for what its ticks have said. */
  signed(epoch: bigint, serviceId: number): void {
    this.#ticked.delete(`${epoch} ${serviceId}`)
  }

  over(lane: number, offset: number, isLost: boolean): void {
    this.sent(lane, offset, true)
    this.#change(lane, (debt) => Object.assign(debt, { isOver: true, isLost }))
  }

  /** Losses are counted by the epoch. The one before is still open: what its ticks said pays for what they meant until it is signed for. */
  epochBegan(epoch: bigint): void {
    for (const [chain, ticked] of this.#ticked) if (ticked.epoch < epoch - 1n) this.#ticked.delete(chain)
    for (const lanes of this.#lanes.values()) {
      for (const lane of lanes.keys()) this.#change(lane, (debt) => (debt.isOld = debt.isOver))
    }
  }

  #change(lane: number, change: (debt: DebtLane) => unknown): void {
    const lanes = this.#of(lane >> CONNECTION_SHIFT)
    const debt = lanes.get(lane)
    if (debt === undefined) return
    this.#count(debt, -1)
    change(debt)
    this.#count(debt, 1)
    if (debt.isOver && debt.acked >= debt.sent) lanes.delete(lane)
  }

  #count({ begun, acked, isLost, isOld }: DebtLane, sign: 1 | -1): void {
    const bytes = isOld ? 0 : sign * Math.max(0, begun - acked)
    this.#unpaid += bytes
    if (isLost) this.#lost += bytes
  }

  #of(connection: number): Map<number, DebtLane> {
    const known = this.#lanes.get(connection)
    if (known !== undefined) return known
    const lanes = new Map<number, DebtLane>()
    this.#lanes.set(connection, lanes)
    return lanes
  }
}
