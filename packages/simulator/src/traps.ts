/**
 * Throwers in the place of clocks, chance, timers and promises while a protocol core runs.
 *
 * A lint sees what the core's own files name; this sees what anything that it calls does. A trap that is caught by the core is thrown again at
 * the end. Not seen: `async` functions, whose `await` of a plain value asks no global (a core that returns a promise is refused, and the
 * lint finds the word), and what kept a reference to the real function from before.
 */
import { SimulatorError } from './errors.ts'

/** What is trapped: a path from the global object. Missing ones are passed over. */
const FUNCTIONS = [
  'Date.now',
  'Math.random',
  'performance.now',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'requestAnimationFrame',
  'process.nextTick',
  'process.hrtime.bigint',
  'process.hrtime',
  'crypto.getRandomValues',
  'crypto.randomUUID',
  'AbortSignal.timeout',
  'fetch',
  'Promise.prototype.then',
  'Promise.prototype.catch',
  'Promise.prototype.finally',
  'Promise.resolve',
  'Promise.reject',
  'Promise.all',
  'Promise.any',
  'Promise.race',
  'Promise.allSettled',
] as const

/** Not specified to the last bit, so that two engines may differ. */
const MATHS = 'acos acosh asin asinh atan atan2 atanh cbrt cos cosh exp expm1 hypot log log1p log2 log10 pow sin sinh tan tanh'
  .split(' ')
  .map((name) => `Math.${name}`)

const CONSTRUCTORS = ['Date', 'Promise'] as const

export interface TrapOptions {
  /** Names that stay as they are, as the lists say them: `['Math.log2']`. @default none */
  readonly allow?: readonly string[]
}

type Holder = Record<string, unknown>

/** The object that holds the last name of a path, where there is one. */
function holderOf(path: readonly string[]): Holder | undefined {
  let holder: unknown = globalThis
  for (const name of path.slice(0, -1)) holder = (holder as Holder | undefined)?.[name]
  const type = typeof holder
  return (type === 'object' && holder !== null) || type === 'function' ? (holder as Holder) : undefined
}

/** Puts `make(original)` in the place of a property; returns what puts it back, nothing where there is no such property. */
function replace(path: string, make: (original: unknown) => unknown): (() => void) | undefined {
  const parts = path.split('.')
  const name = parts.at(-1) as string
  const holder = holderOf(parts)
  if (holder === undefined || typeof holder[name] !== 'function') return undefined
  const before = Object.getOwnPropertyDescriptor(holder, name) // an inherited one (crypto.getRandomValues) is covered, then uncovered
  Object.defineProperty(holder, name, {
    value: make(holder[name]),
    configurable: true,
    writable: true,
    enumerable: before?.enumerable ?? false,
  })
  return () => {
    if (before === undefined) delete holder[name]
    else Object.defineProperty(holder, name, before)
  }
}

/** Set traps. Between two runs they let everything through. */
export interface Traps {
  /**
   * Calls `fn` with the traps armed; may be nested. Costs about 0.1 µs.
   *
   * @throws {SimulatorError} `SIMULATOR_TRAPPED`, naming the first trap that was stepped into (`details.name`), or a promise returned.
   */
  run<T>(fn: () => T): T
  /** Puts everything back; the other way round than it was set, where several are. */
  remove(): void
}

class SetTraps implements Traps {
  readonly #undo: ((() => void) | undefined)[] = []
  readonly #isPromiseAllowed: boolean
  readonly #Promise = Promise // asking its trap would be slow
  #armed = 0
  #sprung: SimulatorError | undefined

  constructor(allow: readonly string[]) {
    this.#isPromiseAllowed = allow.includes('Promise')
    // A proxy, so that what hangs on a function (`process.hrtime.bigint`) hangs on its trap.
    const trapFunction = (path: string, original: unknown): unknown =>
      new Proxy(original as (...args: unknown[]) => unknown, {
        apply: (target, self, args) => (this.#armed > 0 ? this.#spring(path) : (Reflect.apply(target, self, args) as unknown)),
      })
    for (const path of [...FUNCTIONS, ...MATHS]) {
      if (!allow.includes(path)) this.#undo.push(replace(path, (original) => trapFunction(path, original)))
    }
    for (const path of CONSTRUCTORS) {
      if (!allow.includes(path)) this.#undo.push(replace(path, (original) => this.#trapConstructor(path, original)))
    }
  }

  run<T>(fn: () => T): T {
    const outer = this.#sprung
    this.#sprung = undefined
    this.#armed += 1
    let result: T
    let sprung: SimulatorError | undefined
    try {
      result = fn()
    } catch (error) {
      throw this.#sprung ?? error // the core may have made another error of it
    } finally {
      sprung = this.#sprung
      this.#armed -= 1
      this.#sprung = this.#armed === 0 ? undefined : (outer ?? sprung)
    }
    if (sprung !== undefined) throw sprung
    if (result instanceof this.#Promise && !this.#isPromiseAllowed) {
      throw new SimulatorError('SIMULATOR_TRAPPED', 'a deterministic core returned a promise', { name: 'Promise' })
    }
    return result
  }

  remove(): void {
    for (const restore of this.#undo.splice(0).toReversed()) restore?.()
  }

  #spring(name: string): never {
    const error = new SimulatorError('SIMULATOR_TRAPPED', `${name} was called inside a deterministic core`, { name })
    this.#sprung ??= error
    throw error
  }

  /** `new Date(ms)` is arithmetic and stays; `new Date()`, `Date()` and every `new Promise` are not. */
  #trapConstructor(path: string, original: unknown): unknown {
    return new Proxy(original as new (...args: unknown[]) => object, {
      apply: (target, self, args) => (this.#armed > 0 ? this.#spring(path) : (Reflect.apply(target, self, args) as unknown)),
      construct: (target, args, newTarget) => {
        if (this.#armed > 0 && (path !== 'Date' || args.length === 0)) return this.#spring(`new ${path}`)
        return Reflect.construct(target, args, newTarget) as object
      },
    })
  }
}

/**
 * Sets traps once, for a test that runs a core many times: setting takes about 0.4 ms, `run` 0.1 µs.
 *
 * @example
 * const traps = setTraps()
 * traps.run(() => core.step(event, time, effects))
 * traps.remove()
 */
export function setTraps({ allow = [] }: TrapOptions = {}): Traps {
  return new SetTraps(allow)
}

/**
 * Calls `fn` with every trap set, takes them away again and returns what it returned. May be nested.
 *
 * @throws {SimulatorError} as `Traps.run`.
 * @example withTraps(() => play(createSimulator(42)))
 */
export function withTraps<T>(fn: () => T, options: TrapOptions = {}): T {
  const traps = setTraps(options)
  try {
    return traps.run(fn)
  } finally {
    traps.remove()
  }
}
