// Goal: a node that loses its seat while transactions that it promised are in nobody's block still answers for them: each is executed, by others,
// also when the node dies as it leaves and is started again.
// Method: five real members of which four have a seat in each further epoch, under load; some restart at the very block that takes their seat.
import { accounts, type Outcome } from '@selvedge/application'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MICRO, signed, TestNetwork } from './ledger-network.ts'

const MEMBERS = [0, 1, 2, 3, 4] as const
/** Never restarted: what was executed is asked of it. */
const WITNESS = 0
const SENDERS_EACH = 6
const MS_MAX = 240_000

interface Returned {
  readonly index: number
  readonly isRestarted: boolean
  readonly refusal: string | undefined
}

let folder: string
let network: TestNetwork
const returned: Returned[] = []
const restarts: Promise<void>[] = []

beforeAll(async () => {
  const temporary = join(import.meta.dirname, '..', '.tmp')
  await mkdir(temporary, { recursive: true })
  folder = await mkdtemp(join(temporary, 'returned-'))
  network = await TestNetwork.create(folder, { members: MEMBERS.length, pace: 3, senders: MEMBERS.length * SENDERS_EACH })
  await Promise.all(MEMBERS.map((index) => start(index, false)))
}, 60_000)

afterAll(async () => {
  await Promise.allSettled(restarts)
  await network.stopAll()
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
})

const isSeen = (after: boolean): boolean => returned.some(({ isRestarted }) => isRestarted === after)

async function start(index: number, isRestarted: boolean): Promise<void> {
  let isEnding = false
  const onBlock = (outcome: Outcome | undefined): void => {
    const isLeaving = outcome?.final?.view.committee.every(({ nodeIndex }) => nodeIndex !== index) === true
    if (!isLeaving || isEnding || index === WITNESS || isSeen(true)) return
    isEnding = true
    restarts.push(network.stop(index).then(() => start(index, true)))
  }
  await network.start(index, {
    sources: network.sourcesOf(index),
    attachments: [() => ({ onBlock, onCertificate: () => {}, sayAfterBlock: () => [], stop: async () => {} })],
    onReturned: (_transaction, refusal) => {
      returned.push({ index, isRestarted, refusal })
      network.tell()
    },
  })
}

const nonceOf = (address: Uint8Array): bigint => network.application(WITNESS).state.get(accounts, address)?.nonce ?? 0n

/** Transfers through each member while it has a seat, one of each sender under way. @returns ends it, and tells how many of each were accepted. */
function load(to: Uint8Array): () => Promise<readonly bigint[]> {
  let isOver = false
  const sent = network.senders.map(async (sender, place) => {
    let accepted = 0n
    while (!isOver) {
      const transfer = signed(sender, accepted, to, MICRO)
      const isAccepted = await Promise.resolve()
        .then(() => network.submit(place % MEMBERS.length, [transfer]))
        .then(
          () => true,
          () => false, // no seat, or down: the same transfer is tried again
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

test(
  'what a member had promised when it lost its seat is executed, also where it restarts right then',
  async () => {
    const to = new Uint8Array(20).fill(7)
    const end = load(to)
    await network.until(() => isSeen(true) && isSeen(false))
    const accepted = await end()
    // Of one that was not accepted, as its node was stopping, nobody knows: it may have been executed too.
    await network.until(() => network.senders.every(({ address }, i) => nonceOf(address) >= accepted[i]!))
    expect(accepted.every((count) => count > 0n)).toBe(true)
    expect(returned.filter(({ refusal }) => refusal !== undefined)).toEqual([])
  },
  MS_MAX,
)
