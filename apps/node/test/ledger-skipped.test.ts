// Goal: a member that died with something promised that is in nobody's block, and was away while epochs ended, answers for it when it comes back.
// Method: of four real members two are stopped, so nothing can be ordered; then one of the others accepts a transfer and is stopped too. The rest
// go on for two epochs, and it comes back with a seat: the epochs in between were ordered without it.
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MICRO, signed, TestNetwork } from './ledger-network.ts'

const MEMBERS = [0, 1, 2, 3] as const
const AWAY = 3
const MS_MAX = 240_000

let folder: string
let network: TestNetwork
const returned: { readonly transaction: Uint8Array; readonly refusal: string | undefined }[] = []

beforeAll(async () => {
  const temporary = join(import.meta.dirname, '..', '.tmp')
  await mkdir(temporary, { recursive: true })
  folder = await mkdtemp(join(temporary, 'skipped-'))
  network = await TestNetwork.create(folder, { pace: 3, senders: 1 })
  await Promise.all(MEMBERS.map(start))
}, 60_000)

afterAll(async () => {
  await network.stopAll()
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
})

const start = (index: number): Promise<void> =>
  network.start(index, {
    sources: network.sourcesOf(index),
    stuckMs: 1_000,
    onReturned: (transaction, refusal) => {
      returned.push({ transaction, refusal })
      network.tell()
    },
  })

const epochOf = (index: number): number => network.application(index).lastApplied().epoch

test(
  'what a member promised before epochs went by without it is executed when it is back',
  async () => {
    await network.until(() => MEMBERS.every((index) => network.heightOf(index) > 3))
    await Promise.all([1, 2].map((index) => network.stop(index)))
    const to = new Uint8Array(20).fill(9)
    const [sender] = network.senders
    const transfer = signed(sender!, 0n, to, 5n * MICRO)
    await network.submit(AWAY, [transfer])
    await network.stop(AWAY)
    await Promise.all([1, 2].map(start))
    const goal = epochOf(0) + 3
    await network.until(() => epochOf(0) >= goal)
    expect(network.application(0).balance(to, 0)).toBe(0n)

    await start(AWAY)
    await network.until(() => returned.length > 0 && network.application(0).balance(to, 0) > 0n)
    expect(returned).toEqual([{ transaction: transfer, refusal: undefined }])
    expect(network.application(0).balance(to, 0)).toBe(5n * MICRO)
  },
  MS_MAX,
)
