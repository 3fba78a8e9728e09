/**
 * The program of a hashing worker, as text: it starts from a Blob or straight from this string, so that there is no file to
 * host and no bundler to teach. It is handed the kernel's bytes first, then jobs; a job answers with the chaining values of
 * its chunk groups. Kept as text, not as a function turned into text, because compilers and coverage tools rewrite functions.
 */
import { CHUNK_BYTES, CHUNK_END, CHUNK_START, CV_BYTES, CVS_AT, IV, IV_AT, PARENT, STAGE_AT, STAGE_BYTES } from '../kernel/constants.ts'

/** Bytes copied or read at once; copies stay in the first-level cache, reads pay a system call each. */
const COPY_BYTES = 16_384

/** What a worker is told: first the kernel, then jobs. */
export type WorkerRequest = { readonly kernel: Uint8Array } | WorkerJob

export interface WorkerJob {
  readonly id: number
  /** Bytes in shared memory, or a descriptor to read from. */
  readonly shared?: SharedArrayBuffer
  readonly fd?: number
  readonly offset: number
  readonly length: number
  readonly startChunk: number
  readonly chunkGroupLog: number
}

/** What it answers: the kernel's answer has no id. */
export type WorkerAnswer =
  | { readonly id?: undefined }
  | { readonly id: number; readonly cvs: Uint8Array; readonly error?: undefined }
  | { readonly id: number; readonly error: string }

// Functions, because a bundler keeps a text put together from parts, used or not. The loops are those of kernel/subtree.ts.
const common = (): string => `
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
  for (let left = count; left > limit; left = (left + 1) >> 1) {
    const pairs = left >> 1
    const hash = pairs > 1 ? lanes : one
    hash(${CVS_AT}, 64, 0, 0, ${PARENT}, 0, ${IV_AT}, ${CVS_AT}, pairs)
    if (left & 1) memory.copyWithin(${CVS_AT} + pairs * ${CV_BYTES}, ${CVS_AT} + (left - 1) * ${CV_BYTES}, ${CVS_AT} + left * ${CV_BYTES})
  }
}
function run(job) {
  const { offset, length, startChunk, chunkGroupLog } = job
  const groupChunks = 2 ** chunkGroupLog
  const runBytes = Math.max(groupChunks * ${CHUNK_BYTES}, ${STAGE_BYTES})
  const stepBytes = job.fd === undefined ? ${COPY_BYTES} : ${STAGE_BYTES}
  const cvs = new Uint8Array(Math.ceil(length / (groupChunks * ${CHUNK_BYTES})) * ${CV_BYTES})
  let filled = 0
  for (let start = 0; start < length; start += runBytes) {
    const end = Math.min(length, start + runBytes)
    for (let at = start; at < end; at += stepBytes) {
      const bytes = Math.min(stepBytes, end - at)
      read(job, offset + at, bytes)
      memory.fill(0, ${STAGE_AT} + bytes, ${STAGE_AT} + Math.ceil(bytes / 64) * 64)
      chunks(bytes, startChunk + at / ${CHUNK_BYTES}, ${CVS_AT} + ((at - start) / ${CHUNK_BYTES}) * ${CV_BYTES})
    }
    const count = Math.ceil((end - start) / ${CHUNK_BYTES})
    const groups = Math.ceil(count / groupChunks)
    reduce(count, groups)
    cvs.set(memory.subarray(${CVS_AT}, ${CVS_AT} + groups * ${CV_BYTES}), filled)
    filled += groups * ${CV_BYTES}
  }
  return cvs
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
  try {
    const cvs = run(message)
    port.postMessage({ id: message.id, cvs }, [cvs.buffer])
  } catch (error) {
    port.postMessage({ id: message.id, error: String(error) })
  }
}
`

/** For `new Worker(url)` of the web platform. */
export const webWorkerSource = (): string => `const port = self, fs = undefined${common()}port.onmessage = ({ data }) => answer(data)`

/** For `node:worker_threads` with `eval`. */
export const nodeWorkerSource = (): string =>
  `const { parentPort: port } = require('node:worker_threads'), fs = require('node:fs')${common()}port.on('message', answer)`
