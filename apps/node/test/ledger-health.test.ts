// Goal: `/health` says what a node is and whether it does its work: 200 with a seat and without one, 503 for a follower that nobody brings blocks to
// and for members of an order that stands still, and 200 again when blocks come.
// Method: four real members and a stranger behind one of them, at the pace of the clock; pages are read until they say what they must.
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestNetwork } from './ledger-network.ts'

const MEMBERS = [0, 1, 2, 3] as const
const STRANGER = 4
const HEALTHY_MS_MAX = 3_000
const MS_MAX = 240_000

let folder: string
let network: TestNetwork
const warnings: unknown[] = []

beforeAll(async () => {
  const temporary = join(import.meta.dirname, '..', '.tmp')
  await mkdir(temporary, { recursive: true })
  folder = await mkdtemp(join(temporary, 'health-'))
  network = await TestNetwork.create(folder, { pace: 1, strangers: 1 })
  await Promise.all(MEMBERS.map(start))
}, 60_000)

afterAll(async () => {
  await network.stopAll()
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
})

const start = (index: number): Promise<void> =>
  network.start(index, {
    sources: network.sourcesOf(index),
    healthyMsMax: HEALTHY_MS_MAX,
    onWarning: (error) => void (index === STRANGER && warnings.push(error)),
  })

interface Page {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** Asked until it is as wanted. */
async function healthOf(index: number, isWanted: (page: Page) => boolean): Promise<Page> {
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${network.nodes[index]!.ports.rpc}/health`)
    const page = { status: response.status, body: (await response.json()) as Page['body'] }
    if (isWanted(page)) return page
    await sleep(100)
  }
}

const isWell = ({ status, body }: Page): boolean => status === 200 && (body.certifiedHeight as number) > 3
const isIll = ({ status }: Page): boolean => status === 503

test(
  'with a seat and without one a node says what it is; standing still it is ill, and well again when blocks come',
  async () => {
    const place = network
      .application(1)
      .view()
      .committee.find(({ nodeIndex }) => nodeIndex === 1)!.authority
    const member = await healthOf(1, isWell)
    expect(member.body).toMatchObject({
      ready: true,
      seat: place,
      rules: { inForce: 1, newest: 1 },
      version: expect.stringMatching(/^selvedge\/\d+\.\d+\.\d+/) as string,
    })
    expect(member.body).toMatchObject({ epoch: expect.any(Number) as number, behind: { seconds: expect.any(Number) as number } })

    // It had a seat once, and the port of its order is taken now: it follows all the same.
    const { folder: home, host, ports } = network.nodes[STRANGER]!
    await mkdir(join(home, 'wal'), { recursive: true })
    const taken = createServer().listen(ports.order, host)
    await once(taken, 'listening')
    await start(STRANGER)
    expect(warnings[0]).toMatchObject({ name: 'ConsensusError', code: 'CONSENSUS_NETWORK_FAILED' })
    expect((await healthOf(STRANGER, isWell)).body).toMatchObject({ ready: true, seat: null })

    await Promise.all([2, 3].map((index) => network.stop(index))) // no quorum is left
    for (const index of [0, STRANGER]) {
      const { body } = await healthOf(index, isIll)
      expect(body).toMatchObject({
        ready: false,
        reason: expect.stringMatching(/no new block was certified for \d+ s|it is \d+ s behind/) as string,
      })
      expect((body.behind as { seconds: number }).seconds).toBeGreaterThanOrEqual(0)
    }
    await Promise.all([2, 3].map(start))
    for (const index of [0, 3, STRANGER]) await healthOf(index, isWell)
    taken.close()
  },
  MS_MAX,
)
