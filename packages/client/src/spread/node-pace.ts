/** What is known of one node: how soon it answers, how fast it sends, and whether anything may be asked of it now. */

/** What is reckoned with before anything was measured. */
const LATENCY_MS = 100
const BYTES_PER_MS = 1_000
/** A shorter stretch says little about a rate. */
const SAMPLE_MS = 20
/** Of what was believed before, in a new estimate. */
const KEPT = 0.6
/** A node that breaks off so often is left for good. */
const FAILURES_MAX = 3
const REST_MS = 500

export class NodePace {
  /** Nothing more is asked of it: it lied, has not got it, or broke off too often. */
  isOut = false
  /** It broke off, or is waited for in vain: others are asked first until then. */
  restsUntilMs = 0
  /** Since then nothing of it has come, though its rest may be over. */
  isDoubtful = false
  #failures = 0
  #latencyMs: number | undefined
  #bytesPerMs: number | undefined
  #sampleMs = 0
  #sampleBytes = 0

  /** Whether anything of it has come. */
  get isMeasured(): boolean {
    return this.#bytesPerMs !== undefined
  }

  get latencyMs(): number {
    return this.#latencyMs ?? LATENCY_MS
  }

  get bytesPerMs(): number {
    return this.#bytesPerMs ?? BYTES_PER_MS
  }

  /** The first bytes of an answer. `isAlone`: nothing else that was asked of it came before, so the wait was for this. */
  begins(waitedMs: number, isAlone: boolean, nowMs: number): void {
    if (!isAlone) return
    this.#latencyMs = this.#latencyMs === undefined ? waitedMs : KEPT * this.#latencyMs + (1 - KEPT) * waitedMs
    this.#sampleMs = nowMs
    this.#sampleBytes = 0
  }

  /** `isEnd`: of an answer, so that one which came all at once says something too. */
  sends(bytes: number, nowMs: number, isEnd: boolean): void {
    this.#failures = 0
    this.restsUntilMs = 0
    this.isDoubtful = false
    this.#sampleBytes += bytes
    const passedMs = nowMs - this.#sampleMs
    if (passedMs < SAMPLE_MS && !isEnd) return
    const rate = this.#sampleBytes / Math.max(1, passedMs)
    this.#bytesPerMs = this.#bytesPerMs === undefined ? rate : KEPT * this.#bytesPerMs + (1 - KEPT) * rate
    this.#sampleMs = nowMs
    this.#sampleBytes = 0
  }

  fails(nowMs: number, isForGood: boolean): void {
    this.#failures++
    this.isOut ||= isForGood || this.#failures >= FAILURES_MAX
    this.rests(nowMs)
  }

  /** Longer each time that it failed in a row. */
  rests(nowMs: number): void {
    this.isDoubtful = true
    this.restsUntilMs = nowMs + REST_MS * 2 ** this.#failures
  }
}
