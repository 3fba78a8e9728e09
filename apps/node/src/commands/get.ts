/** `selvedge get`: content by CID or by BLAKE3 root, verified while it comes. */
import { createClient, type Client, type ClientOptions } from '@selvedge/client'
import type { ByteRange } from '@selvedge/content'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { CID } from 'multiformats/cid'
import { formatBytes, formatMs, formatRate } from '../cli/format.ts'
import { createProgressBar, type ProgressBar } from '../cli/progress-bar.ts'
import type { Report } from '../cli/report.ts'
import { abortOnSignal } from '../cli/until-signal.ts'
import { readNodeAddress } from '../compose/control-file.ts'
import { keepDistrusted, readDistrusted } from '../download/distrusted-nodes.ts'
import { withOutputLock } from '../download/output-lock.ts'
import { downloadRoot } from '../download/root-download.ts'
import { downloadTree } from '../download/tree-download.ts'
import { NodeError } from '../errors.ts'
import type { DiscoveryOptions } from './discovery-nodes.ts'

export interface GetCommandOptions extends DiscoveryOptions {
  readonly output?: string
  readonly range?: ByteRange
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
    const { output } = options
    const cid = cidOf(address)
    if (output !== undefined && options.range === undefined && cid !== undefined)
      return await withOutputLock(output, () => intoPath(report, client, cid, output, signal))
    if (output !== undefined && options.range === undefined)
      return await withOutputLock(output, () => rootIntoPath(report, client, address, output, signal))
    await oneStream(report, client, address, options, signal)
  } finally {
    await client.close()
    await keepDistrusted(options.data, client.distrusted(), known).catch(sayForgotten)
  }
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

function cidOf(address: string): CID | undefined {
  if (/^[0-9a-fA-F]{64}$/.test(address)) return undefined
  try {
    return CID.parse(address).toV1()
  } catch (cause) {
    throw new NodeError('NODE_USAGE', `"${address.slice(0, 120)}" is neither a CID nor a root of 64 hex digits`, {}, { cause })
  }
}

async function intoPath(report: Report, client: Client, cid: CID, output: string, signal: AbortSignal): Promise<void> {
  const began = performance.now()
  const bar = createProgressBar(output)
  let files = 0
  try {
    const result = await downloadTree(client, cid, output, {
      signal,
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

async function rootIntoPath(report: Report, client: Client, address: string, output: string, signal: AbortSignal): Promise<void> {
  const began = performance.now()
  const bar = createProgressBar(output)
  try {
    const result = await downloadRoot(client, Buffer.from(address, 'hex'), output, {
      signal,
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
async function oneStream(
  report: Report,
  client: Client,
  address: string,
  { output, range }: GetCommandOptions,
  signal: AbortSignal,
): Promise<void> {
  const began = performance.now()
  const download = await client.get(address, range === undefined ? { signal } : { signal, range })
  if (download.kind === 'directory') {
    for await (const { name, cid, size } of download.entries())
      process.stdout.write(`${String(cid)}\t${size ?? ''}\t${JSON.stringify(name).slice(1, -1)}\n`)
    return
  }
  const bar: ProgressBar = output === undefined ? { update: () => {}, clear: () => {} } : createProgressBar(output)
  const sink = await openSink(output)
  let bytes = 0
  let firstByteMs = 0
  try {
    for await (const part of download) {
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
