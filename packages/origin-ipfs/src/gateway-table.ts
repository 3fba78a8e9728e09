/**
 * Which gateways are asked, in the operator's order, and which are out for now. A gateway that sent bytes of a wrong hash is
 * out for ten minutes, and twice as long each time again, up to a day (ipfs.md §1.6); one that asked for quiet is out that long.
 * Time is handed in.
 */
const OUT_MS_MIN = 10 * 60_000
const OUT_MS_MAX = 24 * 60 * 60_000

interface Row {
  outUntilMs: number
  outMs: number
}

export class GatewayTable {
  readonly #rows: ReadonlyMap<string, Row>

  constructor(gateways: readonly string[]) {
    this.#rows = new Map(gateways.map((gateway) => [gateway, { outUntilMs: Number.NEGATIVE_INFINITY, outMs: 0 }]))
  }

  available(nowMs: number): string[] {
    return [...this.#rows].filter(([, row]) => row.outUntilMs <= nowMs).map(([gateway]) => gateway)
  }

  /** It sent bytes that are not what their name says. */
  punish(gateway: string, nowMs: number): void {
    const row = this.#rows.get(gateway)!
    row.outMs = row.outMs === 0 ? OUT_MS_MIN : Math.min(row.outMs * 2, OUT_MS_MAX)
    row.outUntilMs = Math.max(row.outUntilMs, nowMs + row.outMs)
  }

  /** It asked to be left alone. */
  rest(gateway: string, nowMs: number, restMs: number): void {
    const row = this.#rows.get(gateway)!
    row.outUntilMs = Math.max(row.outUntilMs, nowMs + Math.min(restMs, OUT_MS_MAX))
  }
}
