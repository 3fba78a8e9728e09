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

/** `new Date(ms)` is arithmetic and stays; `new Date()`, `Date()` and every `new Promise` are not. */
function trapConstructor(original: unknown, path: string, spring: (path: string) => never): unknown {
  return new Proxy(original as new (...args: unknown[]) => object, {
    apply: () => spring(path),
    construct(target, args, newTarget) {
      if (path === 'Date' && args.length > 0) return Reflect.construct(target, args, newTarget) as object
      return spring(`new ${path}`)
    },
  })
}

/**
 * Calls `fn` with every trap set, takes them away again and returns what it returned. May be nested.
 *
 * @throws {SimulatorError} `SIMULATOR_TRAPPED`, naming the first trap that was stepped into (`details.name`), or a promise returned.
 * @example withTraps(() => core.step(event, time, effects))
 */
export function withTraps<T>(fn: () => T, { allow = [] }: TrapOptions = {}): T {
  let sprung: SimulatorError | undefined
  const spring = (name: string): never => {
    const error = new SimulatorError('SIMULATOR_TRAPPED', `${name} was called inside a deterministic core`, { name })
    sprung ??= error
    throw error
  }
  const undo: ((() => void) | undefined)[] = []
  let result: T
  try {
    for (const path of [...FUNCTIONS, ...MATHS]) if (!allow.includes(path)) undo.push(replace(path, () => () => spring(path)))
    for (const path of CONSTRUCTORS) {
      if (!allow.includes(path)) undo.push(replace(path, (original) => trapConstructor(original, path, spring)))
    }
    result = fn()
  } catch (error) {
    throw sprung ?? error // the core may have made another error of it
  } finally {
    for (const restore of undo.toReversed()) restore?.()
  }
  if (sprung !== undefined) throw sprung
  if (result instanceof Promise && !allow.includes('Promise')) {
    throw new SimulatorError('SIMULATOR_TRAPPED', 'a deterministic core returned a promise', { name: 'Promise' })
  }
  return result
}
