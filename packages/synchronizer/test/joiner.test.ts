// Goal: a joiner that knows nothing but a committee gets to the head of the ledger over sockets, from nodes that it was not told to trust,
// whatever some of them do; and who lied is named.
import { createOutboard, encodeRanges } from '@selvedge/verified-streaming'
import { decodeEpochProof, encodeEpochProof } from '@selvedge/ledger-types/light-client'
import { checkpointOfCertificate, encodeCommittee, committeeRoot } from '@selvedge/ledger-types'
import type { SyncSource } from '@selvedge/synchronizer'
import { expect, test } from 'vitest'
import { certify, committeeOf, EPOCH_BLOCKS, membersOf } from './ledger.ts'
import { createMemoryCache, createWorld, joinerOf } from './world.ts'

/** Never says a word. */
const stalled: Partial<SyncSource> = {
  epochProof: () => Promise.withResolvers<undefined>().promise,
  snapshotCertificate: () => Promise.withResolvers<undefined>().promise,
  async *snapshotSlice() {
    yield await Promise.withResolvers<Uint8Array>().promise
  },
}

test('three nodes, one of which offers a newer epoch without a certificate, one wrong chunks, and one stalls: the joiner is at the head', async () => {
  await using world = await createWorld(5 * EPOCH_BLOCKS + 3, 40_000)
  const { honest, ledger } = world
  const newer: Partial<SyncSource> = {
    async epochProof(epoch, asking) {
      const proof = await honest.epochProof(epoch, asking)
      if (proof !== undefined) return proof
      // The next committee is its own: signed by it, and not by the committee that is trusted.
      const last = checkpointOfCertificate(decodeEpochProof((await honest.epochProof(epoch - 1, asking))!).certificate)
      const ours = { ...last, epoch, height: last.height + 9, committeeRoot: committeeRoot(committeeOf(epoch)) }
      const certificate = certify({ ...ours, nextCommitteeRoot: committeeRoot(committeeOf(60)) }, membersOf(60))
      return encodeEpochProof({ certificate, committee: encodeCommittee(committeeOf(60)) })
    },
  }
  const wrong: Partial<SyncSource> = {
    async *snapshotSlice(root, ranges, asking) {
      for await (const piece of honest.snapshotSlice(root, ranges, asking)) {
        const bytes = piece.slice()
        bytes[bytes.length - 1]! ^= 1
        yield bytes
      }
    },
  }
  const sources = [
    await world.serve('newer', newer),
    await world.serve('wrong', wrong),
    await world.serve('stalled', stalled),
    await world.serve('honest'),
  ]
  const { joiner, state } = joinerOf(sources, { requestMsMax: 1_000, spanChunks: 64 })
  const joined = await joiner.join(state)
  expect(joined).toMatchObject({ height: 5 * EPOCH_BLOCKS, epoch: 5, rows: 3 * 5 * EPOCH_BLOCKS })
  const controller = new AbortController()
  for await (const { checkpoint } of joiner.follow(joined, controller)) {
    if (checkpoint.height === ledger.height) break
  }
  expect(state.root).toEqual(ledger.state.root)
  expect(state.height).toBe(ledger.height)
  const lied = joiner.faults.filter(({ kind }) => kind === 'lied').map(({ source }) => source)
  expect(new Set(lied)).toEqual(new Set(['newer', 'wrong']))
  expect(new Set(joiner.faults.filter(({ kind }) => kind === 'failed').map(({ source }) => source))).toEqual(new Set(['stalled']))
})

test('following goes over an epoch, to another source when one sends wrong blocks, and on with blocks that are made later', async () => {
  await using world = await createWorld(2 * EPOCH_BLOCKS + 3)
  const { honest, ledger } = world
  const wrong: Partial<SyncSource> = {
    async *blocks(from, asking) {
      let sent = 0
      for await (const block of honest.blocks(from, asking)) {
        const bytes = block.slice()
        if (++sent === 2) bytes[bytes.length - 1]! ^= 1 // in the last receipt
        yield bytes
      }
    },
  }
  const { joiner, state } = joinerOf([await world.serve('wrong', wrong), await world.serve('honest')])
  const joined = await joiner.join(state)
  const heights: number[] = []
  for await (const { checkpoint, source } of joiner.follow(joined)) {
    heights.push(checkpoint.height)
    if (heights.length === 2) expect(source).toBe('honest')
    if (checkpoint.height === ledger.height && ledger.height < 4 * EPOCH_BLOCKS) void ledger.run(3)
    if (checkpoint.height >= 4 * EPOCH_BLOCKS) break
  }
  expect(heights).toEqual(Array.from({ length: heights.length }, (_, i) => joined.height + 1 + i))
  expect(joiner.faults.map(({ source, kind }) => [source, kind])).toEqual([['wrong', 'lied']])
})

test('a joiner pinned to the very epoch that the snapshot begins finds its place although one node lies about the block before', async () => {
  await using world = await createWorld(3 * EPOCH_BLOCKS + 3)
  const { honest, ledger } = world
  const liar: Partial<SyncSource> = {
    async epochProof(epoch, asking) {
      const proof = await honest.epochProof(epoch, asking)
      if (proof === undefined || epoch !== 2) return proof
      const { certificate, committee } = decodeEpochProof(proof)
      return encodeEpochProof({
        certificate: certify({ ...checkpointOfCertificate(certificate), blockDigest: new Uint8Array(32).fill(7) }),
        committee,
      })
    },
  }
  const { joiner, state } = joinerOf([await world.serve('liar', liar), await world.serve('honest')], { epoch: 3 })
  const joined = await joiner.join(state)
  expect(joined).toMatchObject({ height: 3 * EPOCH_BLOCKS, epoch: 3 })
  expect(joined.digests.length).toBe(2)
  for await (const { checkpoint } of joiner.follow(joined)) if (checkpoint.height === ledger.height) break
  expect(state.root).toEqual(ledger.state.root)
})

test('a joiner that pins the state which its epoch began from needs nobody’s word for the block before, and takes no other state', async () => {
  await using world = await createWorld(3 * EPOCH_BLOCKS + 3)
  const { honest, ledger } = world
  const { height, stateRoot, blockDigest } = checkpointOfCertificate(decodeEpochProof((await honest.epochProof(2, {}))!).certificate)
  // Nobody has a certificate of that block, as when an epoch begins by decree.
  const forgetful: Partial<SyncSource> = {
    epochProof: (epoch, asking) => (epoch === 2 ? Promise.resolve(undefined) : honest.epochProof(epoch, asking)),
  }
  const without = joinerOf([await world.serve('forgetful', forgetful)], { epoch: 3 })
  await expect(without.joiner.join(without.state)).rejects.toMatchObject({ code: 'SYNCHRONIZER_NO_SNAPSHOT' })
  const pinnedStart = { height, stateRoot, blockDigest }
  const { joiner, state } = joinerOf([await world.serve('forgetful', forgetful)], { epoch: 3, pinnedStart })
  const joined = await joiner.join(state)
  expect(joined).toMatchObject({ height: 3 * EPOCH_BLOCKS, epoch: 3, digests: [blockDigest] })
  for await (const { checkpoint } of joiner.follow(joined)) if (checkpoint.height === ledger.height) break
  expect(state.root).toEqual(ledger.state.root)
  for (const wrong of [{ height: height - 1 }, { stateRoot: stateRoot.with(0, stateRoot[0]! ^ 1) }]) {
    const other = joinerOf([await world.serve('honest')], { epoch: 3, pinnedStart: { ...pinnedStart, ...wrong } })
    await expect(other.joiner.join(other.state)).rejects.toMatchObject({ code: 'SYNCHRONIZER_WRONG_STATE' })
    expect(other.state.rows.size).toBe(0)
  }
})

test('an epoch that is too young to have a snapshot is begun from the one before', async () => {
  await using world = await createWorld(3 * EPOCH_BLOCKS + 1)
  const { joiner, state } = joinerOf([await world.serve('honest')])
  expect(await joiner.join(state)).toMatchObject({ height: 2 * EPOCH_BLOCKS, epoch: 2 })
})

test('a young ledger has no snapshot, and says so', async () => {
  await using world = await createWorld(2)
  const { joiner, state } = joinerOf([await world.serve('honest')])
  await expect(joiner.join(state)).rejects.toMatchObject({ code: 'SYNCHRONIZER_NO_SNAPSHOT' })
})

test('when all lie nothing is taken, and each is named', async () => {
  await using world = await createWorld(2 * EPOCH_BLOCKS + 3)
  const other = new Uint8Array(100_000).fill(1)
  const { outboard } = await createOutboard(other)
  const wrong: Partial<SyncSource> = {
    snapshotSlice: (_, ranges) => encodeRanges({ data: other, outboard, size: other.length }, ranges),
  }
  const { joiner, state } = joinerOf([await world.serve('a', wrong), await world.serve('b', wrong)])
  await expect(joiner.join(state)).rejects.toMatchObject({
    code: 'SYNCHRONIZER_NO_SOURCE',
    message: expect.stringMatching(/a lied.*b lied/u),
  })
  expect(state.rows.size).toBe(0)
})

test('a joiner that was stopped goes on from what it has, in another life', async () => {
  await using world = await createWorld(3 * EPOCH_BLOCKS + 3, 60_000)
  const cache = createMemoryCache()
  const controller = new AbortController()
  const reason = new Error('enough for today')
  let stored = 0
  const first = joinerOf([await world.serve('honest')], {
    cache,
    spanChunks: 64,
    onProgress: (progress) => {
      if (progress.type === 'stored' && (stored += progress.newBytes) > 500_000) controller.abort(reason)
    },
  })
  await expect(first.joiner.join(first.state, controller)).rejects.toBe(reason)
  let fetched = 0
  let size = 0
  const second = joinerOf([await world.serve('again')], {
    cache,
    spanChunks: 64,
    onProgress: (progress) => {
      if (progress.type !== 'stored') return
      fetched += progress.newBytes
      size = progress.size
    },
  })
  await second.joiner.join(second.state)
  expect(fetched).toBeLessThan(size - 400_000)
  expect(second.state.rows.size).toBe(3 * 3 * EPOCH_BLOCKS)
})

test('a state that does not lead to its root is refused, in the words of the importer', async () => {
  await using world = await createWorld(2 * EPOCH_BLOCKS + 3)
  const { joiner, state } = joinerOf([await world.serve('honest')])
  const forgetful = { add: () => undefined, finish: (expected: Parameters<typeof state.finish>[0]) => state.finish(expected) }
  await expect(joiner.join(forgetful)).rejects.toThrow('another root')
})

test('an executor that reaches another state than was signed stops the feed', async () => {
  await using world = await createWorld(2 * EPOCH_BLOCKS + 3)
  const { joiner, state } = joinerOf([await world.serve('honest')])
  const joined = await joiner.join(state)
  state.add([{ table: 9, key: Uint8Array.of(1), value: Uint8Array.of(1) }])
  await expect(joiner.follow(joined).next()).rejects.toMatchObject({ code: 'SYNCHRONIZER_WRONG_STATE' })
  expect(joiner.faults).toEqual([])
})

test('an abort ends a feed that waits at the head', async () => {
  await using world = await createWorld(2 * EPOCH_BLOCKS + 2)
  const { joiner, state } = joinerOf([await world.serve('honest')])
  const controller = new AbortController()
  const feed = joiner.follow(await joiner.join(state), controller)
  for (let i = 0; i < 2; i++) await feed.next()
  const waiting = feed.next()
  const reason = new Error('stop')
  controller.abort(reason)
  await expect(waiting).rejects.toBe(reason)
})
