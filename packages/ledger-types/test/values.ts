/** Arbitrary values of everything that has bytes, and the codec of each: what the property tests and the fuzzer run over. */
import fc from 'fast-check'
import * as ledger from '../src/index.ts'
import { decodeEpochProof, encodeEpochProof, type EpochProof } from '../src/light-client/index.ts'

export const bytes = (size: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: size, maxLength: size })
export const someBytes = (max: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength: max })
export const u8: fc.Arbitrary<number> = fc.nat({ max: 2 ** 8 - 1 })
export const u16: fc.Arbitrary<number> = fc.nat({ max: 2 ** 16 - 1 })
export const u32: fc.Arbitrary<number> = fc.oneof(fc.nat({ max: 2 ** 32 - 1 }), fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1))
export const u53: fc.Arbitrary<number> = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 2 ** 32, Number.MAX_SAFE_INTEGER))
export const big = (bits: number): fc.Arbitrary<bigint> =>
  fc.oneof(fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n }), fc.constantFrom(0n, 1n, 2n ** BigInt(bits) - 1n))
export const amount: fc.Arbitrary<bigint> = big(64)

/** Unique byte strings in ascending order. */
function ascending(size: number, min: number, max: number): fc.Arbitrary<Uint8Array[]> {
  const unique = fc.uniqueArray(bytes(size), { minLength: min, maxLength: max, comparator: ledger.isSameBytes })
  return unique.map((all) => all.toSorted(ledger.compareBytes))
}

const fieldArbitraries = {
  u8,
  u16,
  u32,
  u64: u53,
  epoch: u32,
  amount,
  bytes20: bytes(20),
  bytes32: bytes(32),
  bytes: someBytes(64),
} as const

const kinds = Object.keys(ledger.EVENTS) as ledger.EventKind[]
export const events: fc.Arbitrary<ledger.LedgerEvent> = fc.oneof(
  ...kinds.map((kind) => {
    const fields = Object.entries(ledger.EVENTS[kind].fields) as [string, keyof typeof fieldArbitraries][]
    const record = Object.fromEntries(fields.map(([name, type]) => [name, fieldArbitraries[type] as fc.Arbitrary<unknown>]))
    return fc.record({ kind: fc.constant(kind), ...record }, { noNullPrototype: true }) as unknown as fc.Arbitrary<ledger.LedgerEvent>
  }),
)

const receiptCodes = Object.values(ledger.CODES).filter((code) => !ledger.isRefused(code))
export const receipts: fc.Arbitrary<ledger.Receipt> = fc.record(
  {
    id: bytes(32),
    index: u32,
    code: fc.constantFrom(...receiptCodes),
    gasUsed: u53,
    fee: amount,
    firstEvent: fc.nat(),
    events: fc.array(events, { maxLength: 4 }),
  },
  { noNullPrototype: true },
)

export const committees: fc.Arbitrary<ledger.CommitteeMember[]> = ascending(32, 1, 9).chain((keys) =>
  fc.tuple(
    ...keys.map((key) =>
      fc.record(
        { key: fc.constant(key), blsKey: bytes(48), stake: fc.integer({ min: 1, max: 2 ** 49 }), nodeIndex: u32 },
        { noNullPrototype: true },
      ),
    ),
  ),
)

export const checkpoints: fc.Arbitrary<ledger.Checkpoint> = fc
  .record(
    {
      chainId: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
      epoch: u32,
      height: u53,
      timestampMs: u53,
      isFinal: fc.boolean(),
      blockDigest: bytes(32),
      txRoot: bytes(32),
      stateRoot: bytes(32),
      receiptsRoot: bytes(32),
      committeeRoot: bytes(32),
      nextCommitteeRoot: bytes(32).map((root) => root.with(0, root[0]! | 1)),
      snapshotRoot: bytes(32),
    },
    { noNullPrototype: true },
  )
  .map((checkpoint) => (checkpoint.isFinal ? checkpoint : { ...checkpoint, nextCommitteeRoot: new Uint8Array(32) }))

export const COMMITTEE_SIZE = 11
export const certificates: fc.Arbitrary<ledger.BlockCertificate> = fc.record(
  {
    checkpoint: checkpoints,
    signers: fc.subarray(Array.from({ length: COMMITTEE_SIZE }, (_, i) => i)),
    aggregate: bytes(96),
  },
  { noNullPrototype: true },
)

export const treeProofs: fc.Arbitrary<ledger.TreeProof> = fc
  .integer({ min: 1, max: 40 })
  .chain((count) => fc.tuple(fc.array(bytes(32), { minLength: count, maxLength: count }), fc.nat({ max: count - 1 })))
  .map(([leaves, index]) => ledger.proveLeaf(leaves, index))

export const nodeTransactions: fc.Arbitrary<ledger.NodeTransaction> = fc.record(
  {
    form: fc.constant('node' as const),
    chainId: u32,
    nodeIndex: u32,
    nonce: amount,
    kind: fc.constantFrom(...Object.values(ledger.NODE_KINDS).map(({ id }) => id)),
    body: someBytes(80),
    signature: bytes(64),
  },
  { noNullPrototype: true },
)

export const systemTransactions: fc.Arbitrary<ledger.SystemTransaction> = fc.record(
  { form: fc.constant('system' as const), height: u53, author: u16, kind: u8, body: someBytes(60) },
  { noNullPrototype: true },
)

export const accountTransactions: fc.Arbitrary<ledger.AccountTransaction> = fc
  .record(
    {
      form: fc.constantFrom('eip1559' as const, 'legacy' as const),
      chainId: u32,
      nonce: amount,
      maxPriorityFeePerGas: big(256),
      maxFeePerGas: big(256),
      gasLimit: amount,
      to: bytes(20),
      value: big(256),
      data: someBytes(120),
      signature: bytes(64),
      v: fc.constantFrom(0 as const, 1 as const),
    },
    { noNullPrototype: true },
  )
  .map((transaction) => (transaction.form === 'legacy' ? { ...transaction, maxPriorityFeePerGas: 0n } : transaction))

export const systemMessages: fc.Arbitrary<ledger.SystemMessage> = fc.oneof(
  fc.record({ kind: fc.constant('readyToClose' as const), epoch: u32 }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('evidence' as const), evidence: someBytes(80) }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('beaconCommit' as const), commitment: bytes(32) }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('beaconReveal' as const), secret: bytes(32) }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('epochFile' as const), epoch: u32, root: bytes(32) }, { noNullPrototype: true }),
)

const measurements = fc
  .uniqueArray(u32, { maxLength: 6 })
  .chain((targets) =>
    fc.tuple(
      ...targets
        .toSorted((a, b) => a - b)
        .map((target) =>
          fc.record(
            { target: fc.constant(target), rttMicros: u32, jitterMicros: u32, answered: u16, asked: u16 },
            { noNullPrototype: true },
          ),
        ),
    ),
  )
const contentEntries = ascending(32, 0, 6).chain((roots) =>
  fc.tuple(...roots.map((root) => fc.record({ root: fc.constant(root), isAdded: fc.boolean() }, { noNullPrototype: true }))),
)
export const nodeBodies: fc.Arbitrary<ledger.NodeBody> = fc.oneof(
  fc.record({ kind: fc.constantFrom('optIn' as const, 'optOut' as const) }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('setNode' as const), noiseRecord: bytes(136), addresses: someBytes(60) }, { noNullPrototype: true }),
  fc.record(
    {
      kind: fc.constantFrom('claimCommit' as const, 'claimDebits' as const, 'claimAnswer' as const, 'evidence' as const),
      bytes: someBytes(80),
    },
    { noNullPrototype: true },
  ),
  fc.record(
    { kind: fc.constant('disputeAnswer' as const), clientIndex: u32, serviceId: u32, bytes: someBytes(80) },
    { noNullPrototype: true },
  ),
  fc.record({ kind: fc.constant('reportCommit' as const), epoch: u32, commitment: bytes(32) }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('reportReveal' as const), epoch: u32, salt: bytes(32), measurements }, { noNullPrototype: true }),
  fc.record(
    {
      kind: fc.constant('coordinates' as const),
      epoch: u32,
      coordinates: fc.array(u16, { minLength: 24, maxLength: 24 }),
      receiptRoot: bytes(32),
    },
    { noNullPrototype: true },
  ),
  fc.record({ kind: fc.constant('contentUpdate' as const), entries: contentEntries }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('version' as const), newest: u32 }, { noNullPrototype: true }),
)

export const keySets: fc.Arbitrary<ledger.KeySet> = ascending(20, 1, 6).chain((accounts) =>
  fc.record({ threshold: fc.integer({ min: 1, max: accounts.length }), accounts: fc.constant(accounts) }, { noNullPrototype: true }),
)
const shown = (max: number): fc.Arbitrary<string> => fc.string({ minLength: 1, maxLength: max })
export const actions: fc.Arbitrary<ledger.GovernedAction> = fc.oneof(
  fc.record({ kind: fc.constant('parameter' as const), id: u16, value: amount }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('prices' as const), bytePrice: amount, cpuPrice: amount }, { noNullPrototype: true }),
  fc.record(
    { kind: fc.constant('addToken' as const), symbol: shown(16), name: shown(64), cap: amount, keys: keySets },
    { noNullPrototype: true },
  ),
  fc.record({ kind: fc.constant('tokenKeys' as const), token: u32, keys: keySets }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('tokenCap' as const), token: u32, cap: amount }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('governors' as const), keys: keySets }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('nativePrice' as const), price: amount }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('activateVersion' as const), version: u32 }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('removeService' as const), serviceId: u32 }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('spend' as const), to: bytes(20), amount }, { noNullPrototype: true }),
)

export const noiseRecords: fc.Arbitrary<ledger.NoiseRecord> = fc.record(
  { nodeKey: bytes(32), x25519: bytes(32), notAfterEpoch: u32, signature: bytes(64) },
  { noNullPrototype: true },
)
export const addresses: fc.Arbitrary<ledger.NetworkAddress[]> = fc.array(
  fc.record({ ip: fc.oneof(bytes(4), bytes(16)), pool: u16, sessions: u16, websocket: u16, pinger: u16 }, { noNullPrototype: true }),
  { minLength: 1, maxLength: 4 },
)

export interface Snapshot {
  readonly header: ledger.SnapshotHeader
  readonly entries: readonly ledger.SnapshotEntry[]
}
export const snapshots: fc.Arbitrary<Snapshot> = fc.record(
  {
    header: fc.record({ chainId: u32, height: u53, stateRoot: bytes(32) }, { noNullPrototype: true }),
    entries: fc
      .uniqueArray(fc.record({ table: u8, key: someBytes(30), value: someBytes(50) }, { noNullPrototype: true }), {
        maxLength: 8,
        comparator: (a, b) => ledger.compareSnapshotKeys(a, b) === 0,
      })
      .map((entries) => entries.toSorted(ledger.compareSnapshotKeys)),
  },
  { noNullPrototype: true },
)

export function encodeSnapshot({ header, entries }: Snapshot): Uint8Array {
  return ledger.concatBytes(ledger.encodeSnapshotHeader(header), ...entries.map(ledger.encodeSnapshotEntry))
}

export function decodeSnapshot(stream: Uint8Array, chunkBytes: number = stream.length): Snapshot {
  const reader = ledger.createSnapshotReader()
  const entries: ledger.SnapshotEntry[] = []
  for (let at = 0; at < stream.length; at += chunkBytes) entries.push(...reader.push(stream.subarray(at, at + chunkBytes)))
  reader.end()
  return { header: reader.header!, entries }
}

export interface EpochFile {
  readonly chainId: number
  readonly epoch: number
  readonly blocks: readonly ledger.ArchivedBlock[]
}
const archivedBlocks: fc.Arbitrary<ledger.ArchivedBlock> = fc
  .tuple(certificates, bytes(32), fc.array(someBytes(40), { maxLength: 3 }), fc.array(someBytes(80), { minLength: 4, maxLength: 4 }))
  .map(([certificate, subDagDigest, transactions, all]) => {
    const encoded = ledger.encodeBlockCertificate(certificate, COMMITTEE_SIZE)
    return { certificate: encoded, subDagDigest, transactions, receipts: all.slice(0, transactions.length + 1) }
  })
export const epochFiles: fc.Arbitrary<EpochFile> = fc.record(
  { chainId: u32, epoch: u32, blocks: fc.array(archivedBlocks, { maxLength: 3 }) },
  { noNullPrototype: true },
)

export function encodeEpochFile({ chainId, epoch, blocks }: EpochFile): Uint8Array {
  return ledger.concatBytes(
    ledger.encodeEpochFileHeader({ chainId, epoch, count: blocks.length }),
    ...blocks.map(ledger.encodeArchivedBlock),
  )
}

export function decodeEpochFile(file: Uint8Array): EpochFile {
  const { header, blocks } = ledger.readEpochFile(file)
  return { chainId: header.chainId, epoch: header.epoch, blocks: [...blocks] }
}

const epochProofs: fc.Arbitrary<EpochProof> = fc.record({ certificate: someBytes(60), committee: someBytes(60) }, { noNullPrototype: true })

export interface Codec<T> {
  readonly name: string
  readonly values: fc.Arbitrary<T>
  readonly encode: (value: T) => Uint8Array
  /** Throws `LedgerError` and nothing else. */
  readonly decode: (bytes: Uint8Array) => T
}

function codec<T>(
  name: string,
  values: fc.Arbitrary<T>,
  encode: (value: T) => Uint8Array,
  decode: (bytes: Uint8Array) => T,
): Codec<unknown> {
  return { name, values, encode, decode } as Codec<unknown>
}

/** Through the envelope, whose answer is a code. */
function decodeEnvelope(input: Uint8Array): ledger.Transaction {
  const decoded = ledger.decodeTransaction(input)
  if (!decoded.ok) throw new ledger.LedgerError('LEDGER_MALFORMED', `code ${decoded.code}`)
  return decoded.transaction
}

const rlpItems = fc.letrec<{ item: ledger.RlpItem }>((tie) => ({
  item: fc.oneof({ maxDepth: 3, withCrossShrink: true }, someBytes(70), fc.array(tie('item'), { maxLength: 4 })),
})).item

const ABI_TYPES: readonly ledger.AbiType[] = [
  'uint32',
  'bytes',
  'uint64',
  '(address,uint32)[]',
  'address',
  'bool',
  'string',
  'bytes32',
  'uint256',
  'uint8',
]
const payees = fc.array(fc.record({ account: bytes(20), ppm: u32 }, { noNullPrototype: true }), { maxLength: 3 })
const abiValues: fc.Arbitrary<unknown[]> = fc.tuple(
  u32,
  someBytes(70),
  amount,
  payees,
  bytes(20),
  fc.boolean(),
  fc.string(),
  bytes(32),
  big(256),
  u8,
)

export const codecs: readonly Codec<unknown>[] = [
  codec(
    'account transaction',
    accountTransactions,
    ledger.encodeTransaction,
    decodeEnvelope as (b: Uint8Array) => ledger.AccountTransaction,
  ),
  codec('node transaction', nodeTransactions, ledger.encodeTransaction, decodeEnvelope as (b: Uint8Array) => ledger.NodeTransaction),
  codec('system transaction', systemTransactions, ledger.encodeSystemTransaction, ledger.decodeSystemTransaction),
  codec('system message', systemMessages, ledger.encodeSystemMessage, ledger.decodeSystemMessage),
  codec(
    'event',
    fc.tuple(u53, events),
    ([seq, event]) => ledger.encodeEvent(seq, event),
    (b) => {
      const { seq, event } = ledger.decodeEvent(b)
      return [seq, event] as [number, ledger.LedgerEvent]
    },
  ),
  codec('receipt', receipts, ledger.encodeReceipt, ledger.decodeReceipt),
  codec('committee', committees, ledger.encodeCommittee, ledger.decodeCommittee),
  codec('checkpoint', checkpoints, ledger.encodeCheckpoint, ledger.decodeCheckpoint),
  codec(
    'block certificate',
    certificates,
    (c) => ledger.encodeBlockCertificate(c, COMMITTEE_SIZE),
    (b) => ledger.decodeBlockCertificate(b, COMMITTEE_SIZE),
  ),
  codec('tree proof', treeProofs, ledger.encodeTreeProof, ledger.decodeTreeProof),
  codec('noise record', noiseRecords, ledger.encodeNoiseRecord, ledger.decodeNoiseRecord),
  codec('addresses', addresses, ledger.encodeAddresses, ledger.decodeAddresses),
  codec('action', actions, ledger.encodeAction, ledger.decodeAction),
  codec('snapshot', snapshots, encodeSnapshot, decodeSnapshot),
  codec('epoch file', epochFiles, encodeEpochFile, decodeEpochFile),
  codec('epoch proof', epochProofs, encodeEpochProof, decodeEpochProof),
  codec('RLP', rlpItems, ledger.encodeRlp, ledger.decodeRlp),
  codec(
    'ABI',
    abiValues,
    (values) => ledger.encodeAbi(ABI_TYPES, values),
    (b) => ledger.decodeAbi(ABI_TYPES, b),
  ),
  // A body does not name its kind, so each is decoded as what it was.
  codec(
    'node body',
    nodeBodies,
    (body) => ledger.concatBytes(Uint8Array.of(ledger.NODE_KINDS[body.kind].id), ledger.encodeNodeBody(body)),
    (b) => {
      if (b.length === 0) throw new ledger.LedgerError('LEDGER_MALFORMED', 'no kind')
      return ledger.decodeNodeBody(b[0]!, b.subarray(1))
    },
  ),
]
