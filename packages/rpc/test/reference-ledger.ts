/**
 * A small ledger of its own, held against the ports: accounts, native and bridged balances, transfers of both, blocks with receipts and
 * events. It executes what it is given in order and keeps every state, so answers about the past can be checked too. It signs nothing:
 * its certificates carry a zero aggregate.
 */
import {
  blockDigest,
  CODE_WORDS,
  CODES,
  type Code,
  callGas,
  callOf,
  decodeTransaction,
  encodeAbi,
  encodeBlockCertificate,
  encodeReceipt,
  feeOf,
  leafHash,
  type LedgerEvent,
  microOfWei,
  type Receipt,
  senderOf,
  TOKEN_FUNCTIONS,
  toHex,
  transactionId,
  treeRoot,
  WEI_PER_BASE_FEE,
  ZERO_DIGEST,
} from '@selvedge/ledger-types'
import type {
  Admission,
  BlockBody,
  BlockView,
  LedgerView,
  NumberedEvent,
  Simulated,
  StatesHeld,
  StateView,
  Submitter,
  UnsignedCall,
} from '@selvedge/rpc'

const TOKEN = { name: 'US Dollar', symbol: 'USD', decimals: 6, totalSupply: 5_000_000n, allowance: 0n }
const AHEAD_MAX = 16n

interface World {
  readonly nonces: Map<string, bigint>
  /** By `token:address`. */
  readonly balances: Map<string, bigint>
}

interface Stored {
  readonly view: BlockView
  readonly body: BlockBody
  readonly world: World
}

export interface ReferenceLedgerOptions {
  readonly chainId?: number
  /** Native and token-1 balances at genesis, µ. */
  readonly accounts?: readonly (readonly [address: Uint8Array, native: bigint, token?: bigint])[]
  readonly baseFee?: bigint
  /** Whether each submitted transaction makes a block at once. */
  readonly isAutomatic?: boolean
}

export class ReferenceLedger implements LedgerView, Submitter {
  readonly chainId: number
  readonly genesisHash: Uint8Array = new Uint8Array(32).fill(7)
  readonly submitted: Uint8Array[] = []
  baseFee: bigint
  isAutomatic: boolean
  /** Set to let consensus have no room. */
  isFull = false
  oldest = 0
  /** Blocks that ended an epoch: which they are is the test's to say. Their states are kept. */
  ends: readonly number[] = []
  readonly #blocks: Stored[] = []
  readonly #places = new Map<string, { height: number; index: number }>()
  readonly #events: NumberedEvent[] = []
  readonly #listeners = new Set<() => void>()
  #queue: Uint8Array[] = []

  constructor({ chainId = 1_337, accounts = [], baseFee = 100n, isAutomatic = true }: ReferenceLedgerOptions = {}) {
    this.chainId = chainId
    this.baseFee = baseFee
    this.isAutomatic = isAutomatic
    const world: World = { nonces: new Map(), balances: new Map() }
    for (const [address, native, token = 0n] of accounts) {
      world.balances.set(`0:${toHex(address)}`, native)
      world.balances.set(`1:${toHex(address)}`, token)
    }
    this.#store([], [], world)
  }

  // What consensus does.

  async submit(bytes: Uint8Array): Promise<void> {
    if (this.isFull) throw new Error('no room')
    this.submitted.push(bytes)
    this.#queue.push(bytes)
    if (this.isAutomatic) setImmediate(() => this.#queue.length > 0 && this.produce())
  }

  /** Executes what waits; extra events belong to the block itself. */
  produce(blockEvents: readonly LedgerEvent[] = []): void {
    const world = copyOf(this.#last().world)
    const transactions: Uint8Array[] = []
    const receipts: Receipt[] = []
    for (const bytes of this.#queue) {
      const receipt = this.#execute(world, bytes, receipts.length)
      if (receipt === undefined) continue
      transactions.push(bytes)
      receipts.push(receipt)
    }
    this.#queue = []
    receipts.push(this.#receipt(ZERO_DIGEST, receipts.length, CODES.ok, 0, 0n, blockEvents))
    this.#store(transactions, receipts, world)
    for (const listener of this.#listeners) listener()
  }

  // What the rpc package reads.

  head(): BlockView {
    return this.#last().view
  }

  oldestHeight(): number {
    return this.oldest
  }

  header(height: number): BlockView | undefined {
    return height < this.oldest ? undefined : this.#blocks[height]?.view
  }

  body(height: number): BlockBody | undefined {
    return height < this.oldest ? undefined : this.#blocks[height]?.body
  }

  heightOf(digest: Uint8Array): number | undefined {
    return this.#blocks.find(({ view }) => toHex(view.digest) === toHex(digest))?.view.height
  }

  locate(id: Uint8Array): { height: number; index: number } | undefined {
    return this.#places.get(toHex(id))
  }

  state(height: number): StateView | undefined {
    const block = height < this.oldest && !this.ends.includes(height) ? undefined : this.#blocks[height]
    return block === undefined ? undefined : stateViewOf(block.world, block.view.stateRoot)
  }

  statesHeld(): StatesHeld {
    return { from: this.oldest, epochEnds: this.ends.filter((height) => height < this.oldest) }
  }

  epochEnd(): number {
    return this.ends.at(-1) ?? 0
  }

  nextBaseFee(): bigint {
    return this.baseFee
  }

  gasTargetPerSecond(): number {
    return 31_500_000
  }

  checkAdmission(bytes: Uint8Array): Admission | Promise<Admission> {
    const { world } = this.#last()
    const checked = this.#check(world, bytes, AHEAD_MAX)
    if (checked.code !== CODES.ok) return { code: checked.code, words: CODE_WORDS[checked.code] }
    const id = transactionId(bytes)
    if (checked.transaction === undefined) return { code: CODES.ok, id, nodeIndex: 0, nonce: 0n }
    const { nonce } = checked.transaction
    return { code: CODES.ok, id, sender: checked.sender, nonce, isNext: nonce === (world.nonces.get(toHex(checked.sender)) ?? 0n) }
  }

  events(fromSeq: number, limit: number): { events: readonly NumberedEvent[]; next: number } {
    const events = this.#events.slice(fromSeq, fromSeq + limit)
    return { events, next: fromSeq + events.length }
  }

  oldestSeq(): number {
    return this.#blocks[this.oldest]?.body.receipts[0]?.firstEvent ?? 0
  }

  nextSeq(): number {
    return this.#events.length
  }

  certificate(height: number): Uint8Array | undefined {
    const block = this.#blocks[height]
    if (block === undefined || height === 0 || height === this.head().height) return undefined // certified a round trip later
    const { epoch, timestampMs, digest, txRoot, stateRoot, receiptsRoot } = block.view
    const roots = { committeeRoot: new Uint8Array(32).fill(1), nextCommitteeRoot: ZERO_DIGEST, snapshotRoot: ZERO_DIGEST }
    const fixed = { chainId: this.chainId, epoch, height, timestampMs, isFinal: false, blockDigest: digest }
    const checkpoint = { ...fixed, txRoot, stateRoot, receiptsRoot, ...roots }
    return encodeBlockCertificate({ checkpoint, signers: [0, 1, 2], aggregate: new Uint8Array(96) }, 4)
  }

  /** Twenty epochs are over, and their proofs are made up: whoever checks them is not here. */
  epochProof(epoch: number): Uint8Array | undefined {
    return epoch < 20 ? Uint8Array.of(epoch, 7) : undefined
  }

  membership(): object {
    return { chainId: this.chainId, epoch: 0, nodes: [{ index: 0, stake: 1_000_000_000n, nodeKey: new Uint8Array(32).fill(2) }] }
  }

  onBlock(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  get listenerCount(): number {
    return this.#listeners.size
  }

  #last(): Stored {
    const last = this.#blocks.at(-1)
    if (last === undefined) throw new Error('a ledger begins with its genesis')
    return last
  }

  #check(world: World, bytes: Uint8Array, aheadMax = 0n) {
    const decoded = decodeTransaction(bytes)
    if (!decoded.ok) return { code: decoded.code }
    const { transaction } = decoded
    if (transaction.form === 'node') return { code: transaction.chainId === this.chainId ? CODES.ok : CODES.chainId }
    if (transaction.chainId !== this.chainId) return { code: CODES.chainId }
    const sender = senderOf(transaction)
    if (sender === undefined) return { code: CODES.signature }
    const next = world.nonces.get(toHex(sender)) ?? 0n
    if (transaction.nonce < next) return { code: CODES.nonceTooLow }
    if (transaction.nonce > next + aheadMax) return { code: CODES.nonceTooHigh }
    const gas = callGas(callOf(transaction), transaction.data.length)
    if (transaction.gasLimit < BigInt(gas)) return { code: CODES.gasTooLow }
    if (transaction.maxFeePerGas < this.baseFee * WEI_PER_BASE_FEE) return { code: CODES.feeTooLow }
    const micros = microOfWei(transaction.value)
    if (micros === undefined) return { code: CODES.valueNotMultiple }
    const fee = feeOf(gas, this.baseFee)
    if ((world.balances.get(`0:${toHex(sender)}`) ?? 0n) < micros + fee) return { code: CODES.insufficientFunds }
    return { code: CODES.ok, transaction, sender, gas, fee }
  }

  #execute(world: World, bytes: Uint8Array, index: number): Receipt | undefined {
    const checked = this.#check(world, bytes)
    if (checked.code !== CODES.ok) return undefined
    if (checked.transaction === undefined) return this.#receipt(transactionId(bytes), index, CODES.ok, 5_000, 0n, [])
    const { transaction, sender, gas, fee } = checked
    world.nonces.set(toHex(sender), transaction.nonce + 1n)
    add(world, 0, sender, -fee)
    const { code, events } = run(world, sender, transaction)
    return this.#receipt(transactionId(bytes), index, code, gas, fee, events)
  }

  #receipt(id: Uint8Array, index: number, code: Code, gasUsed: number, fee: bigint, events: readonly LedgerEvent[]): Receipt {
    const firstEvent = this.#events.length
    const height = this.#blocks.length
    this.#events.push(...events.map((event, i) => ({ seq: firstEvent + i, height, event })))
    return { id, index, code, gasUsed, fee, firstEvent, events }
  }

  #store(transactions: readonly Uint8Array[], receipts: readonly Receipt[], world: World): void {
    const height = this.#blocks.length
    const timestampMs = 1_800_000_000_000 + height * 500
    const previousDigest = this.#blocks.at(-1)?.view.digest ?? ZERO_DIGEST
    const txRoot = treeRoot(transactions.map(leafHash))
    const fields = { chainId: this.chainId, height, previousDigest, subDagDigest: ZERO_DIGEST, timestampMs, txRoot }
    const view: BlockView = {
      height,
      digest: height === 0 ? this.genesisHash : blockDigest(fields),
      previousDigest,
      epoch: 0,
      timestampMs,
      baseFee: this.baseFee,
      gasUsed: receipts.reduce((sum, { gasUsed }) => sum + gasUsed, 0),
      stateRoot: leafHash(new TextEncoder().encode([...world.balances].join())),
      txRoot,
      receiptsRoot: treeRoot(receipts.map((receipt) => leafHash(encodeReceipt(receipt)))),
    }
    for (const [index, { id }] of receipts.entries()) if (index < transactions.length) this.#places.set(toHex(id), { height, index })
    this.#blocks.push({ view, body: { transactions, receipts }, world })
  }
}

const copyOf = ({ nonces, balances }: World): World => ({ nonces: new Map(nonces), balances: new Map(balances) })

function add({ balances }: World, token: number, address: Uint8Array, micros: bigint): void {
  const key = `${token}:${toHex(address)}`
  balances.set(key, (balances.get(key) ?? 0n) + micros)
}

/** Transfers are all that this ledger can do; the rest fails as not supported. A failed call leaves no trace. */
function run(
  world: World,
  sender: Uint8Array,
  fields: { readonly to: Uint8Array; readonly value: bigint; readonly data: Uint8Array },
): { readonly code: Code; readonly events: readonly LedgerEvent[] } {
  const call = callOf(fields)
  if (call.target === 'none') return { code: call.code, events: [] }
  if (call.target === 'token' && call.token > 1) return { code: CODES.notFound, events: [] }
  const isToken = call.target === 'token' && call.name === 'transfer'
  if (call.target !== 'transfer' && !isToken) return { code: CODES.notSupported, events: [] }
  const token = isToken ? call.token : 0
  const to = isToken ? call.args.to : fields.to
  const amount = isToken ? call.args.amount : (microOfWei(fields.value) ?? 0n)
  if ((world.balances.get(`${token}:${toHex(sender)}`) ?? 0n) < amount) return { code: CODES.amount, events: [] }
  add(world, token, sender, -amount)
  add(world, token, to, amount)
  return { code: CODES.ok, events: [{ kind: 'transfer', token, from: sender, to, amount }] }
}

function stateViewOf(world: World, stateRoot: Uint8Array): StateView {
  const balance = (address: Uint8Array, token: number): bigint => world.balances.get(`${token}:${toHex(address)}`) ?? 0n
  return {
    nonce: (address) => world.nonces.get(toHex(address)) ?? 0n,
    balance,
    stateRoot: () => stateRoot,
    read: (table, key) => (table === 2 && world.nonces.has(toHex(key)) ? Uint8Array.of(Number(world.nonces.get(toHex(key)))) : undefined),
    prove: (table, key) => leafHash(Uint8Array.of(table, ...key)),
    simulate(asked) {
      const call = callOf(asked)
      if (call.target === 'token' && call.token === 1 && TOKEN_FUNCTIONS[call.name].kind === 'view') {
        const value = call.name === 'balanceOf' ? balance(call.args.account, 1) : TOKEN[call.name as keyof typeof TOKEN]
        return { code: CODES.ok, output: encodeAbi([TOKEN_FUNCTIONS[call.name].returns], [value]) }
      }
      return simulate(world, asked)
    },
  }
}

function simulate(world: World, { from, to, value, data }: UnsignedCall): Simulated {
  const none = new Uint8Array()
  const micros = microOfWei(value)
  if (micros === undefined) return { code: CODES.valueNotMultiple, output: none }
  if ((world.balances.get(`0:${toHex(from)}`) ?? 0n) < micros) return { code: CODES.insufficientFunds, output: none }
  return { code: run(copyOf(world), from, { to, value, data }).code, output: none }
}
