import { describe, expect, test } from 'vitest'
import type { Mode } from '../src/dag/contract.ts'
import { encodeFrame, frameEpochOf } from '../src/wire/frames.ts'
import { Chain } from './support/chain.ts'
import type { ChainOptions } from './support/chain-types.ts'

const CORE = { batchDelayMsMax: 5, idleDelayMsMax: 20, roundDelayMsMin: 5, leaderTimeoutMsMin: 50, leaderTimeoutMsMax: 100 }
const SWITCH: ChainOptions['epochs'] = [
  { mode: 'certified', nodes: [0, 1, 2, 3] },
  { mode: 'uncertified', nodes: [0, 1, 2, 4] },
  { mode: 'certified', nodes: [0, 1, 2, 4] },
]

const createChain = (options: Partial<ChainOptions> = {}): Chain =>
  new Chain({ seed: 1, epochs: SWITCH, epochMs: 500, core: CORE, ...options })

const toldOf = (chain: Chain): string[] => chain.nodes.flatMap(({ told }) => told)

/** Everything that a client was told of is executed, once. */
function expectWhole(chain: Chain): void {
  const executed = chain.transactions
  expect(new Set(executed).size).toBe(executed.length)
  const all = new Set(executed)
  expect(toldOf(chain).filter((transaction) => !all.has(transaction))).toEqual([])
  expect(chain.nodes.map(({ halted }) => halted)).toEqual(chain.nodes.map(() => undefined))
}

const isWhole = (chain: Chain): boolean => {
  const all = new Set(chain.transactions)
  return toldOf(chain).every((transaction) => all.has(transaction))
}

const reached = (chain: Chain, epoch: number, index: number, places: readonly number[]): boolean =>
  places.every((place) => chain.nodes[place]!.epoch === epoch && chain.nodes[place]!.applied.index >= index)

test('under load the mode changes twice and a member is replaced: the same logs, nothing lost, nothing twice', () => {
  const chain = createChain().start()
  chain.feed(4, 1_800)
  expect(chain.time.run(20_000, () => chain.time.nowMs > 1_900 && reached(chain, 2, 20, [0, 1, 2, 4]) && isWhole(chain))).toBe(true)
  expectWhole(chain)
  expect(chain.nodes[3]!.hasLeft).toBe(true)
  const modes = chain.nodes[0]!.applied.blocks.map(({ epoch }) => SWITCH[epoch]!.mode)
  expect(new Set(modes)).toEqual(new Set(['certified', 'uncertified']))
  expect(chain.transactions.length).toBeGreaterThan(1_200)
})

describe.each<Mode>(['certified', 'uncertified'])('epochs of mode %s', (mode) => {
  const other: Mode = mode === 'certified' ? 'uncertified' : 'certified'
  const epochs = [0, 1, 2, 3].map((epoch) => ({ mode: epoch === 1 ? other : mode, nodes: [0, 1, 2, 3] }))

  test('a node that missed the closing sub-DAG catches up from its peers and follows', () => {
    const chain = createChain({ epochs: epochs.slice(0, 2) }).start()
    chain.feed(10, 1_500)
    chain.time.run(300)
    for (const place of [0, 1, 2]) chain.cut.add(`${place}>3`).add(`3>${place}`)
    expect(chain.time.run(5_000, () => reached(chain, 1, 10, [0, 1, 2]))).toBe(true)
    expect(chain.nodes[3]!.epoch).toBe(0)
    chain.cut.clear()
    expect(chain.time.run(20_000, () => reached(chain, 1, 20, [0, 1, 2, 3]) && isWhole(chain))).toBe(true)
    expectWhole(chain)
  })

  test('a node that crashed before it closed comes back into an epoch that is over, and follows', () => {
    const chain = createChain({ epochs: epochs.slice(0, 2), seed: 2 }).start()
    chain.feed(10, 1_500)
    chain.time.run(300)
    chain.nodes[3]!.crash()
    expect(chain.time.run(5_000, () => reached(chain, 1, 10, [0, 1, 2]))).toBe(true)
    chain.nodes[3]!.start()
    expect(chain.time.run(20_000, () => reached(chain, 1, 20, [0, 1, 2, 3]) && isWhole(chain))).toBe(true)
    expectWhole(chain)
  })

  test('the old epoch is served until its close is reported and one further epoch is over, then forgotten', () => {
    const chain = createChain({ epochs, seed: 3, epochMs: 300 }).start()
    expect(chain.time.run(20_000, () => reached(chain, 3, 5, [0, 1, 2, 3]))).toBe(true)
    for (const { forgotten, stores } of chain.nodes) {
      expect(forgotten).toEqual([0, 1])
      expect([...stores.keys()]).toEqual([2, 3])
    }
  })

  test('killed around the close, at any time of it, a node follows and nothing that was promised is lost or doubled', () => {
    for (let killMs = 0; killMs < 60; killMs += 9) {
      const chain = createChain({ epochs: epochs.slice(0, 2), seed: 4, epochMs: 200 }).start()
      chain.feed(5, 600)
      const isNear = (): boolean => chain.nodes.some(({ counts }) => counts.has('ready 0'))
      expect(chain.time.run(5_000, isNear)).toBe(true)
      chain.time.run(killMs)
      chain.nodes[1]!.crash()
      chain.time.run(40)
      chain.nodes[1]!.start()
      expect([killMs, chain.time.run(20_000, () => reached(chain, 1, 5, [0, 1, 2, 3]) && isWhole(chain))]).toEqual([killMs, true])
      expectWhole(chain)
    }
  })
})

describe.each<Mode>(['certified', 'uncertified'])('a death at the border of two epochs, %s', (mode) => {
  /** Dies as soon as `effect` is to be done: what was to become durable with it is lost. */
  const dieAt = (chain: Chain, places: readonly number[], effect: 'begin' | 'leave' | 'retry'): number[] => {
    const died: number[] = []
    chain.onEffect = (node, each) => {
      const type = each.type === 'epoch' ? each.effect.type : each.type
      if (type !== effect || !places.includes(node.place) || died.includes(node.place)) return
      died.push(node.place)
      node.crash()
      chain.time.after(20, () => node.start())
    }
    return died
  }

  test('before anything of the next one is durable: what stood behind the closing is still delivered, once', () => {
    const epochs = [0, 1].map(() => ({ mode, nodes: [0, 1, 2, 3] }))
    for (let seed = 1; seed <= 3; seed++) {
      const chain = createChain({ epochs, seed, epochMs: 200, core: { ...CORE, batchDelayMsMax: 1 } }).start()
      const died = dieAt(chain, [0, 1, 2, 3], 'begin')
      chain.feed(3, 400)
      expect([seed, chain.time.run(20_000, () => reached(chain, 1, 5, [0, 1, 2, 3]) && isWhole(chain))]).toEqual([seed, true])
      expect(died.length).toBe(4)
      expectWhole(chain)
    }
  })

  test('in an epoch that took over what the one before owed: it comes back, and all of that is delivered, once', () => {
    const epochs = [0, 1].map(() => ({ mode, nodes: [0, 1, 2, 3] }))
    let owing = 0
    for (let seed = 1; seed <= 3; seed++) {
      const chain = createChain({ epochs, seed, epochMs: 200, core: { ...CORE, batchDelayMsMax: 1 } }).start()
      chain.feed(3, 400)
      expect([seed, chain.time.run(20_000, () => reached(chain, 1, 1, [0, 1, 2, 3]))]).toEqual([seed, true])
      for (const node of chain.nodes) {
        if ((node.storeOf(1).get('proposed', 'carried')?.length ?? 0) > 4) owing++
        node.crash()
        node.start()
        chain.time.run(5)
      }
      expect([seed, chain.time.run(20_000, () => reached(chain, 1, 9, [0, 1, 2, 3]) && isWhole(chain))]).toEqual([seed, true])
      expectWhole(chain)
    }
    expect(owing).toBeGreaterThan(0)
  })

  test('the epoch that is over is taken up with its own parameters, not with those of the next', () => {
    const parameters = { gcDepth: 6, scheduleCommits: 3, leadersPerRound: 2 }
    const epochs = [{ ...parameters }, {}].map((each) => ({ mode, nodes: [0, 1, 2, 3], parameters: each }))
    const chain = createChain({ epochs, seed: 1, epochMs: 200, core: { ...CORE, batchDelayMsMax: 1 } }).start()
    const died = dieAt(chain, [0, 1, 2, 3], 'begin')
    chain.feed(3, 400)
    expect(chain.time.run(20_000, () => reached(chain, 1, 5, [0, 1, 2, 3]) && isWhole(chain))).toBe(true)
    expect(died.length).toBe(4)
    expectWhole(chain)
  })

  test.each(['leave', 'retry'] as const)(
    'at the %s of one that has no seat in the next: what it promised is handed back when it is up again',
    (effect) => {
      const epochs = [0, 1].map((epoch) => ({ mode, nodes: epoch === 0 ? [0, 1, 2, 3] : [0, 1, 2, 4] }))
      for (let seed = 1; seed <= 2; seed++) {
        const chain = createChain({ epochs, seed, epochMs: 200, core: { ...CORE, batchDelayMsMax: 1 } }).start()
        const died = dieAt(chain, [3], effect)
        chain.feed(3, 400)
        expect([seed, chain.time.run(20_000, () => reached(chain, 1, 5, [0, 1, 2, 4]) && isWhole(chain))]).toEqual([seed, true])
        expect(died).toEqual([3])
        expectWhole(chain)
      }
    },
  )
})

test('early frames are held for known members of the next committee alone, 1 MiB each', () => {
  const chain = createChain({ epochs: SWITCH.slice(0, 2) }).start()
  chain.time.run(200)
  const [node] = chain.nodes
  const early = encodeFrame({ type: 'closeReport', epoch: 1 }, 4)
  expect(frameEpochOf(early)).toBe(1)
  node!.step({ type: 'nextCommittee', epoch: 1, members: [chain.nodes[4]!.key] })
  const dropped = (): number => node!.counts.get('earlyFrameDropped') ?? 0
  node!.step({ type: 'frame', from: chain.nodes[4]!.key, frame: early })
  expect(dropped()).toBe(0)
  node!.step({ type: 'frame', from: chain.nodes[3]!.key, frame: early })
  expect(dropped()).toBe(1)
  const large = encodeFrame({ type: 'blocks', epoch: 1, blocks: [new Uint8Array(2 ** 19)] }, 4)
  for (let i = 0; i < 3; i++) node!.step({ type: 'frame', from: chain.nodes[4]!.key, frame: large })
  expect(dropped()).toBe(3)
})
