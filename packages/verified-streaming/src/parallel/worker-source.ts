/**
 * The program of a hashing worker, as text: it starts from a Blob or straight from this string, so that there is no file to
 * host and no bundler to teach. It is handed the kernel's bytes first, then jobs. Kept as text, not as a function turned into text,
 * because compilers and coverage tools rewrite functions.
 *
 * There are two kinds of job. One is a slot of shared memory, at most a unit (1 MiB), and answers with the chaining values of its chunk
 * groups. The other is a whole source that workers read by themselves: each takes the next unit from a counter they share, as long as
 * there are any, and writes the unit's value and parents where they belong. So nobody hands out work and nobody waits for it, all
 * end within a unit of each other, and the calling thread, which shares the cores with its workers, has nothing to do.
 */
import { CHUNK_BYTES, CHUNK_END, CHUNK_START, CV_BYTES, CVS_AT, IV, IV_AT, PARENT, STAGE_AT, STAGE_BYTES } from '../kernel/constants.ts'

/** Octets of a unit: a multiple of every chunk group size, whose chunks' values fit the kernel's memory. */
export const UNIT_BYTES: number = 2 ** 20
/** Bytes copied or read at once; copies stay in the first-level cache, reads pay a system call each. */
const COPY_BYTES = 16_384
/** Units between two reports of what is done. */
const REPORT_UNITS = 16

/** What a worker is told: first the kernel, then jobs. */
export type WorkerRequest = { readonly kernel: Uint8Array } | (WorkerJob & { readonly id: number })

export type WorkerJob = SlotJob | SourceJob

export interface SlotJob {
  readonly shared: SharedArrayBuffer
  readonly offset: number
  readonly length: number
  readonly startChunk: number
  readonly chunkGroupLog: number
}

export interface SourceJob {
  /** Bytes in shared memory, or a descriptor to read from. */
  readonly shared?: SharedArrayBuffer
  readonly fd?: number
  /** Where in it the content begins. */
  readonly offset: number
  readonly length: number
  readonly chunkGroupLog: number
  readonly isPre: boolean
  /** Two Int32: the next unit, and whether to stop. */
  readonly control: SharedArrayBuffer
  /** A Float64 for each unit: where its first pair in the outboard's order lies among all pairs. */
  readonly places: SharedArrayBuffer
  /** 32 bytes for each unit. */
  readonly values: SharedArrayBuffer
  /** The outboard's pairs. */
  readonly pairs: SharedArrayBuffer
}

/** What it answers: nothing to the kernel, values of a slot, bytes that are done of a source and, when there are no more units, `isDone`. */
export interface WorkerAnswer {
  readonly id?: number
  readonly cvs?: Uint8Array
  readonly bytes?: number
  readonly isDone?: boolean
  readonly error?: string
}

// Functions, because a bundler keeps a text put together from parts, used or not. The loops are those of kernel/subtree.ts.
const hashing = (): string => `
let lanes, one, memory
function read({ shared, fd }, at, length) {
  if (fd === undefined) return memory.set(new Uint8Array(shared, at, length), ${STAGE_AT})
  for (let held = 0; held < length; ) {
    const got = fs.readSync(fd, memory, ${STAGE_AT} + held, length - held, at + held)
    if (got === 0) throw new Error('the file ends at ' + (at + held))
    held += got
  }
}
function chunks(length, startChunk, to) {
  for (let at = 0, chunk = startChunk, out = to; at < length; ) {
    const count = Math.max(1, (length - at) >> 10)
    const hash = count > 1 ? lanes : one
    hash(${STAGE_AT} + at, Math.min(${CHUNK_BYTES}, length - at), chunk | 0, (chunk / 2 ** 32) | 0, ${CHUNK_START}, ${CHUNK_END}, ${IV_AT}, out, count)
    at += count * ${CHUNK_BYTES}
    chunk += count
    out += count * ${CV_BYTES}
  }
}
function reduce(count, limit) {
  let left = count
  for (; left > limit; left = (left + 1) >> 1) {
    const pairs = left >> 1
    const hash = pairs > 1 ? lanes : one
    hash(${CVS_AT}, 64, 0, 0, ${PARENT}, 0, ${IV_AT}, ${CVS_AT}, pairs)
    if (left & 1) memory.copyWithin(${CVS_AT} + pairs * ${CV_BYTES}, ${CVS_AT} + (left - 1) * ${CV_BYTES}, ${CVS_AT} + left * ${CV_BYTES})
  }
  return left
}
/** Leaves the values of the unit's groups at CVS_AT; returns how many. */
function groupsOf(job, at, length, startChunk) {
  const stepBytes = job.fd === undefined ? ${COPY_BYTES} : ${STAGE_BYTES}
  for (let done = 0; done < length; done += stepBytes) {
    const bytes = Math.min(stepBytes, length - done)
    read(job, at + done, bytes)
    memory.fill(0, ${STAGE_AT} + bytes, ${STAGE_AT} + Math.ceil(bytes / 64) * 64)
    chunks(bytes, startChunk + done / ${CHUNK_BYTES}, ${CVS_AT} + (done / ${CHUNK_BYTES}) * ${CV_BYTES})
  }
  const count = Math.ceil(length / ${CHUNK_BYTES})
  return reduce(count, Math.ceil(count / 2 ** job.chunkGroupLog))
}
`

const jobs = (): string => `
/** Where among a unit's pairs that of a node lies, which begins with group \`start\` and is on \`level\`, of \`groups\` groups. */
function placeOf(start, level, groups, isPre) {
  let place = isPre ? start : Math.min(groups, start + 2 ** level) - 2
  for (let above = level + 1; 2 ** (above - 1) < groups; above++) {
    const isRight = (start >> (above - 1)) & 1
    const hasRight = ((start >> above) << above) + 2 ** (above - 1) < groups
    if (isPre ? hasRight && !isRight : isRight) place += isPre ? 1 : -1
  }
  return place
}
function runSource(job) {
  const control = new Int32Array(job.control)
  const places = new Float64Array(job.places)
  const values = new Uint8Array(job.values)
  const pairs = new Uint8Array(job.pairs)
  let bytes = 0
  for (let done = 1; ; done++) {
    const unit = Atomics.add(control, 0, 1)
    if (unit >= places.length || Atomics.load(control, 1) !== 0) return bytes
    const start = unit * ${UNIT_BYTES}
    const length = Math.min(${UNIT_BYTES}, job.length - start)
    const groups = groupsOf(job, job.offset + start, length, start / ${CHUNK_BYTES})
    for (let left = groups, level = 1; left > 1; level++) {
      for (let i = 0; i < left >> 1; i++) {
        const place = places[unit] + placeOf(i << level, level, groups, job.isPre)
        pairs.set(memory.subarray(${CVS_AT} + i * 64, ${CVS_AT} + i * 64 + 64), place * 64)
      }
      left = reduce(left, (left + 1) >> 1)
    }
    values.set(memory.subarray(${CVS_AT}, ${CVS_AT} + ${CV_BYTES}), unit * ${CV_BYTES})
    bytes += length
    if (done % ${REPORT_UNITS} !== 0) continue
    port.postMessage({ id: job.id, bytes })
    bytes = 0
  }
}
function runSlot(job) {
  const groups = groupsOf(job, job.offset, job.length, job.startChunk)
  return memory.slice(${CVS_AT}, ${CVS_AT} + groups * ${CV_BYTES})
}
function answer(message) {
  if (message.kernel) {
    const { m, l, o } = new WebAssembly.Instance(new WebAssembly.Module(message.kernel)).exports
    lanes = l
    one = o
    memory = new Uint8Array(m.buffer)
    new Int32Array(memory.buffer, ${IV_AT}, 8).set([${IV.join(',')}])
    return port.postMessage({})
  }
  const { id } = message
  try {
    if (message.control) return port.postMessage({ id, isDone: true, bytes: runSource(message) })
    const cvs = runSlot(message)
    port.postMessage({ id, isDone: true, cvs }, [cvs.buffer])
  } catch (error) {
    port.postMessage({ id, isDone: true, error: String(error) })
  }
}
`

/** For `new Worker(url)` of the web platform. */
export const webWorkerSource = (): string =>
  `const port = self, fs = undefined${hashing()}${jobs()}port.onmessage = ({ data }) => answer(data)`

/** For `node:worker_threads` with `eval`. */
export const nodeWorkerSource = (): string =>
  `const { parentPort: port } = require('node:worker_threads'), fs = require('node:fs')${hashing()}${jobs()}port.on('message', answer)`
