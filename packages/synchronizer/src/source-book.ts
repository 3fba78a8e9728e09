/** Who is still asked: a source that lied once is out, one that failed a few times too, and both are remembered with the reason. */
import { LedgerError } from '@selvedge/ledger-types'
import { VerifyError } from '@selvedge/verified-streaming'
import { FAULTS_MAX } from './constants.ts'
import { within } from './deadline.ts'
import { SynchronizerError } from './errors.ts'
import type { SyncSource } from './ports.ts'

export interface SourceFault {
  /** Name of the source. */
  readonly source: string
  /** `lied`: its bytes are wrong by themselves. `failed`: it was late, broke off, or threw. */
  readonly kind: 'lied' | 'failed'
  readonly error: unknown
  /** Whether it is not asked any more. */
  readonly isOut: boolean
}

export interface SourceBookOptions {
  readonly strikesMax: number
  readonly msMax: number
  readonly onFault?: ((fault: SourceFault) => void) | undefined
}

export class SourceBook {
  readonly faults: SourceFault[] = []
  readonly #sources: readonly SyncSource[]
  readonly #options: SourceBookOptions
  readonly #strikes = new Map<SyncSource, number>()
  readonly #out = new Set<SyncSource>()
  readonly #liars = new Set<SyncSource>()

  constructor(sources: readonly SyncSource[], options: SourceBookOptions) {
    this.#sources = sources
    this.#options = options
  }

  /** Those that may be asked. @throws {SynchronizerError} `SYNCHRONIZER_NO_SOURCE` when there is none. */
  usable(): readonly SyncSource[] {
    const usable = this.#sources.filter((source) => !this.#out.has(source))
    if (usable.length > 0) return usable
    const reasons = this.faults.map(({ source, kind, error }) => `${source} ${kind} (${messageOf(error)})`).join('; ')
    const cause = this.faults.at(-1)?.error
    throw new SynchronizerError('SYNCHRONIZER_NO_SOURCE', `no source is left: ${reasons || 'none was given'}`, {}, { cause })
  }

  isUsable(source: SyncSource): boolean {
    return !this.#out.has(source)
  }

  /** Notes what `source` did wrong. */
  blame(source: SyncSource, error: unknown): void {
    const kind = isLie(error) ? 'lied' : 'failed'
    const strikes = (this.#strikes.get(source) ?? 0) + 1
    this.#strikes.set(source, strikes)
    if (kind === 'lied') this.#liars.add(source)
    if (kind === 'lied' || strikes >= this.#options.strikesMax) this.#out.add(source)
    const fault = { source: source.name, kind, error, isOut: this.#out.has(source) } as const
    this.faults.push(fault)
    if (this.faults.length > FAULTS_MAX) this.faults.shift()
    this.#options.onFault?.(fault)
  }

  /** It did its part: what failed before is forgiven. */
  praise(source: SyncSource): void {
    this.#strikes.delete(source)
  }

  /** Whoever only failed is asked again: for those who wait for something that comes sooner or later. A lie is never forgiven. */
  forgive(): void {
    this.#strikes.clear()
    for (const source of this.#out) if (!this.#liars.has(source)) this.#out.delete(source)
  }

  /**
   * Asks all at once, and gives the first result of `check` that is not `undefined`; `undefined` when there is none. An answer that `check`
   * throws at is the source's fault.
   */
  async askAll<Result>(
    signal: AbortSignal | undefined,
    what: string,
    ask: (source: SyncSource, signal: AbortSignal) => Promise<Uint8Array | undefined>,
    check: (bytes: Uint8Array) => Result | undefined,
  ): Promise<Result | undefined> {
    const controller = new AbortController()
    const onAbort = (): void => controller.abort(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    const pending = new Map<SyncSource, Promise<readonly [SyncSource, Uint8Array | undefined, unknown]>>()
    for (const source of this.usable()) {
      const asked = within(this.#options.msMax, controller.signal, `${what} from ${source.name}`, (inner) => ask(source, inner))
      pending.set(
        source,
        asked.then(
          (bytes) => [source, bytes, undefined] as const,
          (error: unknown) => [source, undefined, error] as const,
        ),
      )
    }
    try {
      while (pending.size > 0) {
        const [source, bytes, error] = await Promise.race(pending.values())
        pending.delete(source)
        signal?.throwIfAborted()
        if (error !== undefined) this.blame(source, error)
        if (bytes === undefined) continue
        try {
          const result = check(bytes)
          if (result === undefined) continue
          this.praise(source)
          return result
        } catch (fault) {
          this.blame(source, fault)
        }
      }
      return undefined
    } finally {
      signal?.removeEventListener('abort', onAbort)
      controller.abort()
    }
  }
}

/** Bytes that are wrong whoever looks at them: no broken connection makes them. */
export function isLie(error: unknown): boolean {
  if (error instanceof LedgerError) return true
  if (error instanceof VerifyError) return error.code === 'VERIFY_MISMATCH' || error.code === 'VERIFY_MALFORMED'
  if (error instanceof SynchronizerError) return error.code === 'SYNCHRONIZER_MALFORMED' || error.code === 'SYNCHRONIZER_TOO_LARGE'
  return false
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
