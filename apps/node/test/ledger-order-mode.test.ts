// Goal: how blocks are ordered is the ledger's to say and no node's: governors change mode, depth and schedule, and every node changes at one
// epoch's beginning, those that restart or join in it too. Nothing that was accepted is lost on the way, and the past can be replayed.
// Method: four real members under load, switched to the uncertified mode and back; one of them restarts and a stranger joins in between.
import { accounts, proposals } from '@selvedge/application'
import { encodeAction, ORDER_MODES, PARAMETERS } from '@selvedge/ledger-types'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseLine, run } from './harness.ts'
import { hexOf, MICRO, signed, signedCall, TestNetwork } from './ledger-network.ts'

const MEMBERS = [0, 1, 2, 3] as const
const STRANGER = 4
const RESTARTED = 3
const MS_MAX = 240_000
const BEFORE = { orderMode: 0, gcDepth: 50, scheduleCommits: 30 } as const
const BETWEEN = { orderMode: 1, gcDepth: 20, scheduleCommits: 10 } as const
type OrderValues = Readonly<Record<keyof typeof BEFORE, number>>

let folder: string
let network: TestNetwork
let nonce = 0n
/** Of each member: in which mode it ordered which epochs. */
const modes = new Map<number, Set<string>>()

beforeAll(async () => {
  const temporary = join(import.meta.dirname, '..', '.tmp')
  await mkdir(temporary, { recursive: true })
  folder = await mkdtemp(join(temporary, 'order-mode-'))
  network = await TestNetwork.create(folder, { pace: 3, senders: MEMBERS.length, strangers: 1, parameters: { governDelayEpochs: 1 } })
  await writeFile(join(folder, 'genesis.json'), network.genesisFile)
  await Promise.all(MEMBERS.map(start))
}, 60_000)

afterAll(async () => {
  await network.stopAll()
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
})

async function start(index: number): Promise<void> {
  const seen = modes.get(index) ?? new Set()
  modes.set(index, seen)
  await network.start(index, {
    sources: network.sourcesOf(index),
    attachments: [
      () => ({
        onBlock: () => {
          const { epoch, mode, isMember } = network.node(index).status ?? {}
          if (isMember === true) seen.add(`${epoch} ${mode}`)
        },
        onCertificate: () => {},
        sayAfterBlock: () => [],
        stop: async () => {},
      }),
    ],
  })
}

/** Transfers through each member, one under way at a time. @returns ends it, and tells how many of each sender were accepted. */
function load(to: Uint8Array): () => Promise<readonly bigint[]> {
  let isOver = false
  const sent = network.senders.map(async (sender, index) => {
    let accepted = 0n
    while (!isOver) {
      const isAccepted = await network.submit(index, [signed(sender, accepted, to, MICRO)]).then(
        () => true,
        () => false, // stopped, or full: the same transfer is tried again
      )
      if (isAccepted) accepted++
      else await sleep(50)
      await network.until(() => isOver || nonceOf(sender.address) >= accepted)
    }
    return accepted
  })
  const all = Promise.all(sent)
  all.catch(() => {}) // heard where it is awaited
  return async () => {
    isOver = true
    network.tell()
    return await all
  }
}

const nonceOf = (address: Uint8Array): bigint => network.application(0).state.get(accounts, address)?.nonce ?? 0n
const epochOf = (index: number): number => network.application(index).lastApplied().epoch

/** @returns the epoch from which they hold. */
async function govern(values: OrderValues): Promise<number> {
  for (;;) {
    const due = epochOf(0) + 3
    const actions = Object.entries(values).map(([name, value]) =>
      encodeAction({ kind: 'parameter', id: PARAMETERS[name as keyof OrderValues].id, value: BigInt(value) }),
    )
    const calls = actions.map((action) => signedCall(network.user, nonce++, 'govern', { action, epoch: BigInt(due) }))
    await network.submit(0, calls)
    await network.until(() => nonceOf(network.user.address) === nonce)
    const queued = network
      .application(0)
      .state.rows(proposals)
      .filter(([, { epoch }]) => epoch === due)
    if (queued.length === actions.length) return due // else the machine was so slow that it was too late for that epoch
  }
}

async function holds(values: OrderValues, from: number, indices: readonly number[]): Promise<void> {
  await network.until(() => indices.every((index) => epochOf(index) >= from))
  const goal = Math.max(...indices.map((index) => network.heightOf(index))) + 5
  await network.until(() => indices.every((index) => network.heightOf(index) >= goal))
  for (const index of indices) expect(network.application(index).view().params).toMatchObject(values)
}

test(
  'members change how they order at one epoch’s beginning and back, under load, and a replay finds every root',
  async () => {
    const to = network.nodes[STRANGER]!.owner.address
    const end = load(to)
    await holds(BEFORE, 0, MEMBERS)
    const there = await govern(BETWEEN)
    await holds(BETWEEN, there, MEMBERS)

    await network.stop(RESTARTED)
    await start(RESTARTED)
    await start(STRANGER)
    await network.until(() => network.node(RESTARTED).phase === 'ordering')
    await holds(BETWEEN, there, [...MEMBERS, STRANGER])
    const back = await govern(BEFORE)
    await holds(BEFORE, back, [...MEMBERS, STRANGER])

    const accepted = await end()
    expect(accepted.every((count) => count > 0n)).toBe(true)
    // Of one that was not accepted, as its node was stopping, nobody knows: it may have been executed too.
    await network.until(() => network.senders.every(({ address }, i) => nonceOf(address) >= accepted[i]!))
    for (const index of MEMBERS) {
      for (const seen of modes.get(index)!) {
        const [epoch, mode] = seen.split(' ')
        expect([index, seen, mode]).toEqual([index, seen, ORDER_MODES[Number(epoch) >= there && Number(epoch) < back ? 1 : 0]])
      }
    }
    for (const each of [`${there} uncertified`, `${back} certified`]) {
      expect(MEMBERS.filter((index) => modes.get(index)!.has(each)).length).toBeGreaterThanOrEqual(3) // one may have been behind, and followed
    }
    expect(network.node(STRANGER).phase).toBe('following')
    const roots = new Map<number, Set<string>>()
    for (const [, blocks] of network.blocks) {
      for (const { outcome } of blocks) roots.set(outcome.height, (roots.get(outcome.height) ?? new Set()).add(hexOf(outcome.stateRoot)))
    }
    expect([...roots].filter(([, { size }]) => size !== 1)).toEqual([])

    await network.stopAll()
    const replayed = await run(['ledger', 'replay', network.nodes[0]!.folder, '--genesis', join(folder, 'genesis.json'), '--json'])
    const { height, stateRoot } = network.blocks.get(0)!.at(-1)!.outcome
    expect(parseLine(replayed)).toMatchObject({ ok: true, height, stateRoot: hexOf(stateRoot) })
  },
  MS_MAX,
)
