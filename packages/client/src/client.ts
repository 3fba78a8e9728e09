import type { ByteRange } from '@selvedge/content'
import type { Receipt, Ticks } from '@selvedge/delivery-acknowledgement/client'
import { GUEST_LANES_MAX, PAYING_LANES_MAX } from '@selvedge/handshake'
import type { Entry } from '@selvedge/verified-car'
import { checkedSize } from './bytes-max.ts'
import { connectToNode } from './connect.ts'
import { parseNodeAddress, type NodeAddress } from './address.ts'
import { Distrust, type DistrustedNode } from './distrust.ts'
import { openDownload, type Download, type GetOptions, type OpenDownload } from './download.ts'
import { ClientError } from './errors.ts'
import { fetchWith, type FetchOptions } from './fetch.ts'
import type { FetchAddress } from './guide.ts'
import { createLocate } from './locate.ts'
import { createNodeLink, type NodeLink } from './node-link.ts'
import { inOrder } from './node-order.ts'
import type { Connect } from './ports.ts'
import { quoteOf, type Quote, type QuoteOptions } from './quote.ts'
import { rangeLeftOf } from './saved.ts'
import type { ClientSharing } from './client-sharing.ts'
import { createPurse, type Cost, type PayingAccount, type PriceMax, type Purse } from './purse.ts'
import { receiveRoot, type ReceiveOptions, type ReceiveResult, type ReceivingSink } from './receive.ts'
import { targetOf, type CidLike } from './target.ts'
import { openTree, type Tree, type TreeOptions } from './tree.ts'

export interface ClientOptions {
  /** Nodes to ask, in this order; the next one where one fails. An address as text (`selvedge://…`) or taken apart. */
  readonly nodes: readonly (NodeAddress | string)[]
  /** The network. @default 1337 */
  readonly chainId?: number | undefined
  /** Who pays; without it the client is a guest, with what a node gives for free. */
  readonly account?: PayingAccount | undefined
  /** What all that this client asks for may cost together, in 10^-6 USD. @default what the delegation allows at each node in each epoch */
  readonly capMicroUsd?: bigint | undefined
  /** The highest prices that are paid: at a node whose ledger asks for more nothing is opened, and nothing signed. @default whatever the ledger governs */
  readonly priceMax?: PriceMax | undefined
  /** Lanes at once on one node; more requests wait. A guest has 4, a session that pays 24. @default 4, or 24 with `account` */
  readonly lanesMax?: number | undefined
  /** A node that sends nothing for so long while it is waited for is left for the next one. @default 60,000 */
  readonly stallTimeoutMs?: number | undefined
  /**
   * A node that sends less than this on average, over `rateWindowMs` of waiting for one answer, is left for the next one: one byte a minute
   * is no stall. @default 1,024
   */
  readonly bytesPerSecondMin?: number | undefined
  /** @default 60,000 */
  readonly rateWindowMs?: number | undefined
  /** How sessions are made. @default TLS 1.3 over TCP; in a page, Noise over the WebSocket that the node's address names */
  readonly connect?: Connect | undefined
  /** What `distrusted()` of an earlier client gave. */
  readonly distrusted?: readonly DistrustedNode[] | undefined
  /** How `get` and `fetch` use the nodes; `severalNodes()` of `@selvedge/client/several-nodes` asks several at once. @default one after the other */
  readonly downloads?: OpenDownload | undefined
  /**
   * Of a client that pays: in the middle of a response a hash in place of a signature, for a fraction of its time. `createTicks()` of `@selvedge/client/ticks`.
   * @default everything is signed for
   */
  readonly ticks?: Ticks | undefined
  /** Of a client that pays: others read with its sessions. `createSharing()` of `@selvedge/client/sharing`, one for each client. @default nobody does */
  readonly sharing?: ClientSharing | undefined
}

export interface Client {
  /**
   * Asks for content by what names it and verifies it as it streams. Of a CID, resolves when its root block is verified.
   *
   * Where `address` has a path, its directories are fetched first, verified and paid like all else; where a path has led is remembered.
   *
   * @param address - a CID (or its text), a BLAKE3 root (32 bytes or 64 hex digits), or a CID with a path (`ipfs://CID/path`: see `FetchAddress`).
   * @throws {ClientError} as the docstring of each code says; with several nodes, the error of the last one tried.
   * @throws the reason of `options.signal`.
   * @example for await (const { offset, bytes } of await client.get(cid)) await file.write(bytes, 0, bytes.length, offset)
   */
  get(address: FetchAddress, options?: GetOptions): Promise<Download>
  /**
   * The same as the web's `Response`: status 200 or 206 (`range`), 304 (`if-none-match`: the CID or the root is the tag), 404 (also where a path
   * leads nowhere), 416, 502. Resolves when the first bytes are verified. The body is verified as it streams, and fails where it cannot be, and
   * where its length is not the promised one; read or cancel it, for it holds a lane. Of a directory its `index.html` is what comes.
   *
   * @param address - as of `get`.
   * @throws {ClientError} as `get`, but for `CLIENT_NOT_FOUND`, `CLIENT_NO_ENTRY` and `CLIENT_ORIGIN_FAILED`.
   * @example const picture = await (await client.fetch('ipfs://bafybei…/photos/cat.png')).blob()
   */
  fetch(address: FetchAddress, options?: FetchOptions): Promise<Response>
  /** The entries of a directory's CID, in its order, as its verified blocks come. @throws {ClientError} `CLIENT_NOT_A_DIRECTORY` and as `get`. */
  entries(cid: CidLike | URL | string, options?: { readonly signal?: AbortSignal | undefined }): AsyncIterable<Entry>
  /**
   * Everything below a CID as one stream on one lane: files, directories, symlinks, depth first, under their real names. Each entry's `content`
   * is to be read or left before the next entry is asked for; what is left is verified all the same. Asks when it is iterated.
   *
   * @throws {ClientError} as `get`, and `CLIENT_BAD_NAME`.
   * @throws the reason of `options.signal`.
   * @example for await (const { path, kind, content } of client.getTree(cid)) if (kind === 'file') await pipeline(content, createWriteStream(path))
   */
  getTree(cid: CidLike | string, options?: TreeOptions): Tree
  /**
   * Fetches by root what `sink` has not got yet, from one node after the other, until it is complete. The sink verifies and stores; it may
   * come from an earlier life of the process. Its `maxSize` bounds what it takes.
   * @throws {ClientError} as `get`; `CLIENT_TOO_LARGE` by the sink's bound, before anything is stored.
   * @example await client.receive(root, createSink(root, { store, state: store.state }))
   */
  receive(root: Uint8Array | string, sink: ReceivingSink, options?: ReceiveOptions): Promise<ReceiveResult>
  /**
   * What content would cost, asked of a node before a byte of it comes. The size is that node's word: the bound is in `Quote`. What it takes to
   * follow a path is paid, and no part of it.
   * @throws {ClientError} as `get`; the reason of `options.signal`.
   * @example const { microUsdMax } = await client.quote(cid, { range: { start: 0, end: 1_048_576 } })
   */
  quote(address: FetchAddress, options?: QuoteOptions): Promise<Quote>
  /** What was signed for so far, over all nodes. A guest's is nothing. */
  cost(): Cost
  /**
   * The newest acknowledgement of each chain that was signed (a session, an epoch and a service), with all that is needed to check it without
   * the node. They are kept as long as the client.
   */
  receipts(): readonly Receipt[]
  /**
   * Nodes that lied in the last hour: sent what is not what was asked for (`CLIENT_UNVERIFIED`), or said two sizes in one answer. Others are
   * asked before them, for everything; they are come back to where no other is left, or when their hour is over. JSON, to be kept for the next
   * client.
   */
  distrusted(): readonly DistrustedNode[]
  /** Signs for what is verified, then ends all sessions. May be called twice. */
  close(): Promise<void>
}

const CHAIN_ID = 1337
/** The largest sum that can be signed for. */
const UNCAPPED = 2n ** 64n - 1n
/** Longer than a node itself waits for one origin and then for the next. */
const STALL_TIMEOUT_MS = 60_000
/** What the slowest of links still carries. */
const BYTES_PER_SECOND_MIN = 1_024
const RATE_WINDOW_MS = 60_000

/** A client of the given nodes. Nothing is connected before it is needed. @throws {ClientError} `CLIENT_BAD_ARGUMENT` */
export function createClient(options: ClientOptions): Client {
  const { downloads = openDownload } = options
  const distrust = new Distrust(options.distrusted)
  const { links, purse } = linksOf(options, distrust)
  const ordered = (): readonly NodeLink[] => inOrder(links, links)
  options.sharing?.begin(ordered, options.chainId ?? CHAIN_ID)
  let isClosed = false
  const checkOpen = (): void => {
    if (isClosed) throw new ClientError('CLIENT_CLOSED', 'the client is closed')
  }

  const locate = createLocate((cid, directoryOptions) => get(cid, directoryOptions))

  async function get(address: FetchAddress, getOptions: GetOptions = {}): Promise<Download> {
    checkOpen()
    getOptions.signal?.throwIfAborted()
    const { range, from } = getOptions
    if (range !== undefined && from !== undefined) throw new ClientError('CLIENT_BAD_ARGUMENT', 'a saved state has its own range')
    checkRange(range)
    const { target } = await locate(address, getOptions.signal)
    checkOpen() // it may have been closed while a path was followed
    const asked = from === undefined ? getOptions : { ...getOptions, range: rangeLeftOf(from, target) }
    return checkedSize(await downloads(ordered(), target, asked), asked)
  }

  return {
    get,
    fetch: async (address, fetchOptions = {}) => await fetchWith({ get, locate }, address, fetchOptions),
    async *entries(cid, entriesOptions = {}) {
      const download = await get(cid, entriesOptions)
      if (download.kind !== 'directory') {
        download.close()
        throw new ClientError('CLIENT_NOT_A_DIRECTORY', `${download.address} is a ${download.kind}, not a directory`)
      }
      yield* download.entries()
    },
    getTree(cid, treeOptions = {}) {
      checkOpen()
      const target = targetOf(cid)
      if (target.kind !== 'cid') throw new ClientError('CLIENT_BAD_ARGUMENT', 'a tree has a CID: a root names the bytes of one file')
      return openTree(ordered(), target, treeOptions)
    },
    async receive(root, sink, receiveOptions = {}) {
      checkOpen()
      const target = targetOf(root)
      if (target.kind !== 'root') throw new ClientError('CLIENT_BAD_ARGUMENT', 'a sink receives by root: a CID is fetched with get()')
      return await receiveRoot(ordered(), target.root, sink, receiveOptions)
    },
    async quote(address, quoteOptions = {}) {
      checkOpen()
      quoteOptions.signal?.throwIfAborted()
      checkRange(quoteOptions.range)
      const { target } = await locate(address, quoteOptions.signal)
      return await quoteOf(ordered(), target, quoteOptions)
    },
    cost: () => purse?.cost ?? { bytes: 0n, microUsd: 0n },
    receipts: () => purse?.receipts ?? [],
    distrusted: () => distrust.nodes,
    async close() {
      isClosed = true
      await Promise.all(links.map((link) => link.close()))
    },
  }
}

function linksOf(options: ClientOptions, distrust: Distrust): { readonly links: readonly NodeLink[]; readonly purse: Purse | undefined } {
  const {
    nodes,
    chainId = CHAIN_ID,
    account,
    priceMax,
    ticks,
    sharing,
    stallTimeoutMs = STALL_TIMEOUT_MS,
    connect = connectToNode,
  } = options
  const { lanesMax = account === undefined ? GUEST_LANES_MAX : PAYING_LANES_MAX, capMicroUsd = UNCAPPED } = options
  const { bytesPerSecondMin = BYTES_PER_SECOND_MIN, rateWindowMs = RATE_WINDOW_MS } = options
  if (nodes.length === 0) throw new ClientError('CLIENT_BAD_ARGUMENT', 'a client needs at least one node')
  const isRate = bytesPerSecondMin >= 0 && rateWindowMs > 0
  if (!(Number.isInteger(lanesMax) && lanesMax > 0 && stallTimeoutMs > 0 && stallTimeoutMs < 2 ** 31 && isRate))
    throw new ClientError(
      'CLIENT_BAD_ARGUMENT',
      `out of bounds: ${lanesMax} lanes, ${stallTimeoutMs} ms of silence, ${bytesPerSecondMin} bytes a second over ${rateWindowMs} ms`,
    )
  if (account === undefined && (options.capMicroUsd ?? priceMax ?? ticks ?? sharing) !== undefined)
    throw new ClientError('CLIENT_BAD_ARGUMENT', 'a guest pays nothing: capMicroUsd, priceMax, ticks and sharing go with an account')
  const createSharing = sharing === undefined ? undefined : () => sharing.openSession()
  const purse = account === undefined ? undefined : createPurse({ account, chainId, capMicroUsd, priceMax, ticks, createSharing })
  const links = nodes.map((node) =>
    createNodeLink(typeof node === 'string' ? parseNodeAddress(node) : node, connect, {
      chainId,
      lanesMax,
      stallTimeoutMs,
      pace: { bytesPerSecondMin, rateWindowMs },
      purse,
      distrust,
    }),
  )
  return { links, purse }
}

function checkRange(range: ByteRange | undefined): void {
  if (range === undefined) return
  const { start, end } = range
  const isRange = Number.isSafeInteger(start) && start >= 0 && (end === undefined || (Number.isSafeInteger(end) && end >= start))
  if (!isRange) throw new ClientError('CLIENT_BAD_ARGUMENT', `not a range of bytes: ${start} to ${end ?? 'the end'}`)
}
