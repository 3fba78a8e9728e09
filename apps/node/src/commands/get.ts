/** `selvedge get`: content by CID, by a path below one, or by BLAKE3 root, verified while it comes. */
import { ClientError, createClient, type Client, type ClientOptions } from '@selvedge/client'
import type { ByteRange } from '@selvedge/content'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import type { CID } from 'multiformats/cid'
import { formatBytes, formatMs, formatRate } from '../cli/format.ts'
import { createProgressBar, type ProgressBar } from '../cli/progress-bar.ts'
import type { Report } from '../cli/report.ts'
import { abortOnSignal } from '../cli/until-signal.ts'
import { readNodeAddress } from '../compose/control-file.ts'
import { keepDistrusted, readDistrusted } from '../download/distrusted-nodes.ts'
import { withOutputLock } from '../download/output-lock.ts'
import { downloadRoot } from '../download/root-download.ts'
import { createSizeBound, tooLarge } from '../download/size-bound.ts'
import { downloadTree } from '../download/tree-download.ts'
import { NodeError } from '../errors.ts'
import type { DiscoveryOptions } from './discovery-nodes.ts'
import { locate, parseAddress, placeOf } from './get-address.ts'

export interface GetCommandOptions extends DiscoveryOptions {
  readonly output?: string
  readonly range?: ByteRange
  /** Bytes that are taken at most, of all files together. */
  readonly max?: number
  readonly node: readonly string[]
}

export async function get(report: Report, address: string, options: GetCommandOptions): Promise<void> {
  if (report.isJson && options.output === undefined)
    throw new NodeError('NODE_USAGE', '--json needs -o: the bytes would stand where the result does')
  const signal = abortOnSignal()
  const asked = await nodesOf(report, options, signal)
  const known = await readDistrusted(options.data)
  const client = createClient({ ...asked, distrusted: known })
  try {
    await fetchFrom({ report, client, address, options, signal })
  } finally {
    await client.close()
    await keepDistrusted(options.data, client.distrusted(), known).catch(sayForgotten)
  }
}

interface Job {
  readonly report: Report
  readonly client: Client
  readonly address: string
  readonly options: GetCommandOptions
  readonly signal: AbortSignal
}

async function fetchFrom(job: Job): Promise<void> {
  const { client, address, options, signal } = job
  const { output } = options
  const asked = parseAddress(address)
  if (output === undefined || options.range !== undefined) return await oneStream(job).catch((error: unknown) => throwBounded(error, job))
  if (asked.kind === 'root') {
    const path = await placeOf(output, address, true)
    return await withOutputLock(path, () => rootIntoPath(job, asked.root, path))
  }
  if (asked.kind === 'cid' && !output.endsWith('/')) return await withOutputLock(output, () => intoPath(job, asked.cid, output))
  const { cid, isFile } = await locate(client, address, signal)
  const place = await placeOf(output, address, isFile)
  await withOutputLock(place, () => intoPath(job, cid, place))
}

/** What was fetched is right all the same. */
function sayForgotten(error: unknown): void {
  process.stderr.write(`selvedge: ${(error as Error).message}\n`)
}

async function nodesOf(report: Report, options: GetCommandOptions, signal: AbortSignal): Promise<ClientOptions> {
  const { node, data, output } = options
  if (options.discovery === undefined && options.discoveryKey === undefined)
    return { nodes: node.length > 0 ? node : await defaultNodes(data) }
  if (node.length > 0) throw new NodeError('NODE_USAGE', '--node names the nodes, --discovery finds them: not both')
  const say = (line: string): void => void (output !== undefined && report.say(line)) // else stdout is the content's
  return await (await import('./discovery-nodes.ts')).nodesByDiscovery(options, say, signal)
}

async function defaultNodes(data: string): Promise<string[]> {
  const address = process.env.SELVEDGE_NODE ?? (await readNodeAddress(data))
  if (address === undefined)
    throw new NodeError('NODE_USAGE', `no node to ask: name one with --node selvedge://HOST:PORT/KEY, or start one with: selvedge run`)
  return [address]
}

/** Where nobody has said how much may come, whoever sits at a terminal is told that it is a lot. */
function noticeOf(name: string, { options: { max } }: Job, bar: ProgressBar): (bytes: number) => void {
  return (bytes) => {
    if (max !== undefined || !process.stderr.isTTY) return
    bar.clear()
    process.stderr.write(
      `${name}: ${formatBytes(bytes)} or more are to come, which is proven; with --max SIZE no more than that is taken\n`,
    )
  }
}

/** The client's refusal by `--max` in this command's words; of anything else that is too large it is the client's. */
function throwBounded(error: unknown, { address, options: { max, output = address } }: Job): never {
  const isBound = error instanceof ClientError && error.code === 'CLIENT_TOO_LARGE' && error.details.bytesMax === max
  if (max === undefined || !isBound) throw error
  throw tooLarge(`${output} has ${String(error.details.bytes)} bytes or more`, max, { cause: error })
}

async function intoPath(job: Job, cid: CID, output: string): Promise<void> {
  const { report, client } = job
  const began = performance.now()
  const bar = createProgressBar(output)
  using bound = createSizeBound(output, { bytesMax: job.options.max, signal: job.signal, onLarge: noticeOf(output, job, bar) })
  let files = 0
  try {
    const result = await downloadTree(client, cid, output, {
      signal: bound.signal,
      onSize: bound.take,
      onProgress: (bytes, size) => bar.update(bytes, size),
      onResume: (offset) => sayResumed(report, offset),
      onFile: () => bar.update(++files, undefined),
    })
    bar.clear()
    const ms = performance.now() - began
    const { bytes, receivedBytes, skipped, kind } = result
    const here = result.here > 0 ? ` (${result.here} of them were here already)` : ''
    const what = kind === 'directory' ? `${result.files} files${here}, ` : ''
    report.result(
      { address: cid.toString(), output, verification: 'cid', ms, ...result },
      `${output}: ${what}${formatBytes(bytes)} in ${formatMs(ms)}, ${formatRate(bytes, ms)}, every block checked by CID (${formatBytes(receivedBytes)} received)`,
      ...skipped.map((path) => `left out, neither file nor directory: ${path}`),
    )
  } finally {
    bar.clear()
  }
}

async function rootIntoPath({ report, client, address, options, signal }: Job, root: Uint8Array, output: string): Promise<void> {
  const began = performance.now()
  const bar = createProgressBar(output)
  try {
    const result = await downloadRoot(client, root, output, {
      signal,
      bytesMax: options.max,
      onProgress: (bytes, size) => bar.update(bytes, size),
      onResume: (offset) => sayResumed(report, offset),
    })
    bar.clear()
    const ms = performance.now() - began
    const { bytes, receivedBytes } = result
    report.result(
      { address, output, kind: 'file', mode: 'blake3', verification: 'blake3', ms, ...result },
      `${output}: ${formatBytes(bytes)} in ${formatMs(ms)}, ${formatRate(bytes, ms)}, every chunk checked by its root (${formatBytes(receivedBytes)} received)`,
    )
  } finally {
    bar.clear()
  }
}

function sayResumed(report: Report, offset: number): void {
  if (offset > 0) report.say(`${formatBytes(offset)} were here already and are verified again`)
}

/** A range, or bytes to stdout; of a directory, its entries. */
async function oneStream(job: Job): Promise<void> {
  const { report, client, address, options } = job
  const { range, max } = options
  const began = performance.now()
  const download = await client.get(address, { signal: job.signal, range, bytesMax: max })
  if (download.kind === 'directory') {
    for await (const { name, cid, size } of download.entries())
      process.stdout.write(`${String(cid)}\t${size ?? ''}\t${JSON.stringify(name).slice(1, -1)}\n`)
    return
  }
  const output = options.output === undefined ? undefined : await placeOf(options.output, address, true)
  const bar: ProgressBar = output === undefined ? { update: () => {}, clear: () => {} } : createProgressBar(output)
  using coming = createSizeBound(address, { signal: job.signal, onLarge: noticeOf(output ?? download.address, job, bar) })
  const { size } = download
  if (size !== undefined) coming.take(bytesOf(range, size))
  const sink = await openSink(output)
  let bytes = 0
  let firstByteMs = 0
  try {
    for await (const part of download) {
      if (size === undefined) coming.take(part.bytes.length) // a root's is proven with its last chunk
      if (bytes === 0) firstByteMs = performance.now() - began
      await sink.write(part.bytes)
      bytes += part.bytes.length
      bar.update(bytes, undefined)
    }
  } finally {
    bar.clear()
    await sink.close()
  }
  if (output === undefined) return
  const ms = performance.now() - began
  const { mode, verification, receivedBytes, node, kind } = download
  report.result(
    { address, output, kind, bytes, receivedBytes, mode, verification, node, firstByteMs, ms },
    `${output}: ${formatBytes(bytes)} in ${formatMs(ms)}, ${formatRate(bytes, ms)}, checked by ${verification} (${formatBytes(receivedBytes)} received)`,
  )
}

function bytesOf({ start, end = Number.POSITIVE_INFINITY }: ByteRange = { start: 0 }, size: number): number {
  return Math.max(0, Math.min(end, size) - start)
}

interface Sink {
  write(bytes: Uint8Array): Promise<void>
  close(): Promise<void>
}

async function openSink(output: string | undefined): Promise<Sink> {
  if (output === undefined) {
    return {
      async write(bytes) {
        // Copied: the bytes are a view, and stdout may keep them beyond this turn.
        if (!process.stdout.write(bytes.slice())) await once(process.stdout, 'drain')
      },
      close: async () => {},
    }
  }
  const file = await open(output, 'w').catch((cause: unknown) => {
    throw new NodeError('NODE_OUTPUT', `cannot write ${output}: ${(cause as Error).message}`, {}, { cause })
  })
  return {
    async write(bytes) {
      for (let done = 0; done < bytes.length; ) done += (await file.write(bytes, done)).bytesWritten
    },
    close: () => file.close(),
  }
}
