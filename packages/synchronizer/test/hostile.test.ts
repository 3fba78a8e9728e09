// Goal: a stranger that is hostile costs neither the joiner nor the server more than its own turn: memory stays bounded, honest sources are
// reached, and a server has room for others.
import {
  CONNECTIONS_PER_ADDRESS_MAX,
  createLocalSource,
  createMemoryFiles,
  createRemoteSource,
  createSnapshotServer,
  followBlocks,
  FRAME_BYTES_MAX,
  SourceBook,
  SynchronizerError,
  TRANSACTION_BYTES_MAX,
  type Connection,
  type SyncSource,
} from '@selvedge/synchronizer'
import { listenSync } from '@selvedge/synchronizer/net'
import { createLightClient } from '@selvedge/ledger-types/light-client'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { CHAIN_ID, committeeOf, EPOCH_BLOCKS, TestLedger, TestState } from './ledger.ts'
import { createWorld, joinerOf } from './world.ts'

/** A connection whose other end says what `frames` has, whatever it is asked. */
function saying(frames: Iterable<Uint8Array>): SyncSource {
  const connection = (): Connection => ({
    incoming: (async function* () {
      yield* frames
    })(),
    write: async () => undefined,
    close: () => undefined,
  })
  return createRemoteSource(async () => connection(), { name: 'stranger' })
}

function framed(kind: number, bytes: number): Uint8Array {
  const frame = new Uint8Array(5 + bytes)
  new DataView(frame.buffer).setUint32(0, 1 + bytes, true)
  frame[4] = kind
  return frame
}

test.each([
  ['parts without a byte', [framed(0, 0)]],
  ['a part that does not fill its frame', [framed(0, FRAME_BYTES_MAX - 2), framed(1, 5)]],
  ['a last part without a byte', [framed(0, FRAME_BYTES_MAX - 1), framed(1, 0)]],
  ['too old without a height', [framed(4, 0)]],
  ['too old with a height that is none', [framed(4, 8).fill(0xff, 5)]],
  ['too old inside an item', [framed(0, FRAME_BYTES_MAX - 1), framed(4, 8)]],
])('an answer with %s is refused at once, however long it would go on', async (_, frames) => {
  let said = 0
  const endless = (function* () {
    for (const frame of frames) yield frame
    for (; said < 1_000; said++) yield framed(0, 0)
  })()
  await expect(saying(endless).epochProof(0, {})).rejects.toMatchObject({ code: 'SYNCHRONIZER_MALFORMED' })
  expect(said).toBeLessThan(2)
})

test('a source says that a block is gone, with the oldest that is not', async () => {
  const ledger = new TestLedger()
  await ledger.run(3)
  const chain = Object.assign(ledger, { oldestHeight: () => 3, block: async () => undefined })
  await using listener = await listenSync(createLocalSource({ chain, snapshots: createSnapshotServer({ files: createMemoryFiles() }) }))
  const socket = connect(listener.port)
  socket.end(Uint8Array.from([10, 0, 0, 0, 1, 4, 1, 0, 0, 0, 0, 0, 0, 0])) // blocks from 1
  expect(Buffer.concat(await socket.toArray())).toEqual(Buffer.from([9, 0, 0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 0]))
})

test('a feed whose next block nobody keeps any more ends with what to do; one that somebody has goes on', async () => {
  await using world = await createWorld(3 * EPOCH_BLOCKS + 3)
  const { ledger } = world
  const old: Partial<SyncSource> = {
    // oxlint-disable-next-line require-yield
    async *blocks() {
      throw new SynchronizerError('SYNCHRONIZER_TOO_OLD', 'gone', { oldest: 9 })
    },
  }
  const failing: Partial<SyncSource> = {
    // oxlint-disable-next-line require-yield
    async *blocks() {
      throw new SynchronizerError('SYNCHRONIZER_NOT_FOUND', 'nothing here')
    },
  }
  const feedOf = (sources: readonly SyncSource[]): ReturnType<typeof followBlocks> => {
    const client = createLightClient({ chainId: CHAIN_ID, epoch: 0, committee: committeeOf(0) })
    const book = new SourceBook(sources, { strikesMax: 3, msMax: 1_000 })
    const from = { height: 0, digests: [new Uint8Array(32)] }
    return followBlocks({ client, book, executor: new TestState() }, from, { blockMsMax: 60_000 })
  }
  const sources = [await world.serve('old', old), await world.serve('failing', failing)]
  await expect(feedOf(sources).next()).rejects.toMatchObject({ code: 'SYNCHRONIZER_TOO_OLD', details: { oldest: 9 } })
  let last = 0
  for await (const { checkpoint, source } of feedOf([...sources, await world.serve('honest')])) {
    expect(source).toBe('honest')
    last = checkpoint.height
    if (last === ledger.height) break
  }
  expect(last).toBe(ledger.height)
})

test('a state that is no newer than what is here is not taken, and nothing of it is fetched', async () => {
  await using world = await createWorld(3 * EPOCH_BLOCKS + 3)
  let slices = 0
  const counting: Partial<SyncSource> = {
    snapshotSlice(...asked) {
      slices++
      return world.honest.snapshotSlice(...asked)
    },
  }
  const { joiner, state } = joinerOf([await world.serve('honest', counting)])
  await expect(joiner.join(state, { above: 3 * EPOCH_BLOCKS })).rejects.toMatchObject({ code: 'SYNCHRONIZER_NO_SNAPSHOT' })
  expect(slices).toBe(0)
  expect(state.rows.size).toBe(0)
  expect(await joiner.join(state, { above: 3 * EPOCH_BLOCKS - 1 })).toMatchObject({ height: 3 * EPOCH_BLOCKS })
})

test('who drips blocks has its turn and no more while there are others', async () => {
  await using world = await createWorld(4 * EPOCH_BLOCKS)
  const { honest, ledger } = world
  const dripping: Partial<SyncSource> = {
    async *blocks(from, asking) {
      for await (const block of honest.blocks(from, asking)) {
        yield block
        await new Promise((resolve) => void setTimeout(resolve, 5))
      }
    },
  }
  const client = createLightClient({ chainId: CHAIN_ID, epoch: 0, committee: committeeOf(0) })
  const sources = [await world.serve('dripping', dripping), await world.serve('honest')]
  const book = new SourceBook(sources, { strikesMax: 3, msMax: 60_000 })
  const from = { height: 0, digests: [new Uint8Array(32)] }
  const feed = followBlocks({ client, book, executor: new TestState() }, from, { blockMsMax: 60_000, turnMsMax: 1 })
  const heights: number[] = []
  const told = new Set<string>()
  for await (const { checkpoint, source } of feed) {
    heights.push(checkpoint.height)
    told.add(source)
    await new Promise((resolve) => void setTimeout(resolve, 2)) // longer than a turn
    if (checkpoint.height === ledger.height) break
  }
  expect(heights).toEqual(Array.from({ length: ledger.height }, (_, i) => i + 1))
  expect(told).toEqual(new Set(['dripping', 'honest']))
  expect(book.faults).toEqual([])
})

test('a source that only failed is asked again by who waits, a liar never', () => {
  const [failing, lying] = ['failing', 'lying'].map((name) => ({ name })) as unknown as [SyncSource, SyncSource]
  const book = new SourceBook([failing, lying], { strikesMax: 2, msMax: 1 })
  book.blame(lying, new SynchronizerError('SYNCHRONIZER_MALFORMED', 'a lie'))
  for (let i = 0; i < 2; i++) book.blame(failing, new SynchronizerError('SYNCHRONIZER_TIMEOUT', 'late'))
  expect(() => book.usable()).toThrow(expect.objectContaining({ code: 'SYNCHRONIZER_NO_SOURCE' }))
  book.forgive()
  expect(book.usable()).toEqual([failing])
  for (let i = 0; i < 5_000; i++) book.blame(failing, new Error('down'))
  expect(book.faults.length).toBeLessThanOrEqual(1_000)
})

test('one stranger that holds connections leaves room for others, and gets it back when it lets go', async () => {
  await using world = await createWorld(2)
  await using listener = await listenSync(world.honest, { connectionsMax: CONNECTIONS_PER_ADDRESS_MAX + 1, host: '127.0.0.1' })
  const dial = async (localAddress: string): Promise<Socket> => {
    const socket = connect({ port: listener.port, host: '127.0.0.1', localAddress })
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    return socket
  }
  /** Whether it is served: blocks from 1, which are there. */
  const isServed = async (socket: Socket): Promise<boolean> => {
    socket.write(Uint8Array.from([10, 0, 0, 0, 1, 4, 1, 0, 0, 0, 0, 0, 0, 0]))
    return await new Promise<boolean>((resolve) => {
      socket.once('data', () => resolve(true))
      socket.once('close', () => resolve(false))
    })
  }
  const held: Socket[] = []
  for (let i = 0; i < CONNECTIONS_PER_ADDRESS_MAX; i++) held.push(await dial('127.0.0.2'))
  expect(await Promise.all(held.map(isServed))).toEqual(held.map(() => true))
  expect(await isServed(await dial('127.0.0.2'))).toBe(false)
  const other = await dial('127.0.0.3')
  expect(await isServed(other)).toBe(true)
  expect(await isServed(await dial('127.0.0.4'))).toBe(false) // now it is full
  for (const socket of [...held, other]) socket.destroy()
  while (!(await isServed(await dial('127.0.0.2')))); // seen as closed there a moment later
})

test('a transaction is brought to who takes some, and whatever else is answered is not believed', async () => {
  await using world = await createWorld(1)
  const brought: { readonly bytes: Uint8Array; readonly hops: number }[] = []
  const taking = await world.serve('taking', {
    async takeTransaction(bytes, hops) {
      brought.push({ bytes: bytes.slice(), hops })
      return brought.length === 1
    },
  })
  const bytes = new Uint8Array(TRANSACTION_BYTES_MAX).fill(3)
  expect([await taking.takeTransaction!(bytes, 2, {}), await taking.takeTransaction!(bytes, 0, {})]).toEqual([true, false])
  expect(brought).toEqual([
    { bytes, hops: 2 },
    { bytes, hops: 0 },
  ])
  expect(await (await world.serve('honest')).takeTransaction!(bytes, 0, {})).toBe(false)
  await expect(taking.takeTransaction!(new Uint8Array(TRANSACTION_BYTES_MAX + 1), 0, {})).rejects.toMatchObject({
    code: 'SYNCHRONIZER_TOO_LARGE',
  })
  await expect(taking.takeTransaction!(bytes, 3, {})).rejects.toMatchObject({ code: 'SYNCHRONIZER_CLOSED' })
  for (const answer of [framed(1, 0), framed(1, 1).fill(2, 5), framed(1, 2)])
    await expect(saying([answer]).takeTransaction!(bytes, 0, {})).rejects.toMatchObject({ code: 'SYNCHRONIZER_MALFORMED' })
})
