/**
 * Who leads which round, held against docs/protocol/consensus-order.md §2 and §3 written out once more with nothing of the package: a seed
 * whose fields stand in other places would be the same on all members of ours, and no schedule of ours could tell.
 */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Mode, OrderSetup } from '../src/dag/contract.ts'
import { LeaderSchedule } from '../src/dag/leader-schedule.ts'
import type { Standing } from '../src/dag/reputation.ts'

const hash = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()

/** Little endian, `size` bytes. */
function le(value: number | bigint, size: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes.subarray(0, size)
}

type Below = (limit: number) => number

function drawOf(seed: Uint8Array): Below {
  let taken = 0
  const next = (): bigint => {
    const at = taken++
    return hash(Buffer.concat([seed, le(at >> 2, 4)])).readBigUInt64LE(8 * (at % 4))
  }
  return (limit) => {
    const bound = 2n ** 64n - (2n ** 64n % BigInt(limit))
    for (let value = next(); ; value = next()) if (value < bound) return Number(value % BigInt(limit))
  }
}

const headOf = (tag: number, { chainId, epoch, beacon }: OrderSetup, version: number): Buffer =>
  Buffer.concat([Uint8Array.of(tag), le(chainId, 4), le(epoch, 8), beacon, le(version, 4)])

function permutation(setup: OrderSetup, version: number): number[] {
  const below = drawOf(hash(headOf(0x06, setup, version)))
  const left = setup.stakes.map((stake, authority) => ({ stake, authority }))
  const order: number[] = []
  while (left.length > 0) {
    let target = below(left.reduce((sum, { stake }) => sum + stake, 0))
    const place = left.findIndex(({ stake }) => {
      target -= stake
      return target < 0
    })
    order.push(left.splice(place, 1)[0]!.authority)
  }
  return order
}

/** All ranks of a round. */
function leadersOf(mode: Mode, setup: OrderSetup, version: number, { bad, good }: Standing, round: number): number[] {
  const order = permutation(setup, version)
  if (round === 0 || (mode === 'certified' && round % 2 === 1)) return []
  const turn = mode === 'certified' ? round / 2 - 1 : round - 1
  const leaders = Array.from(
    { length: mode === 'certified' ? 1 : (setup.leadersPerRound ?? 1) },
    (_, k) => order[(turn + k) % order.length]!,
  )
  for (const [k, leader] of leaders.entries()) {
    if (!bad.includes(leader) || good.length === 0) continue
    const parts = [headOf(0x0b, setup, version), le(round, 8), ...(k > 0 ? [Uint8Array.of(k)] : [])]
    const first = drawOf(hash(Buffer.concat(parts)))(good.length)
    const others = good.map((_, i) => good[(first + i) % good.length]!)
    leaders[k] = others.find((other) => !leaders.includes(other)) ?? leader
  }
  return leaders
}

const STANDINGS: readonly Standing[] = [
  { bad: [], good: [] },
  { bad: [1], good: [0] },
  { bad: [3, 1], good: [2, 0] },
  { bad: [0, 2], good: [3, 1] },
]
const STAKES = [
  [1, 1, 1, 1],
  [5, 1, 2, 9, 1, 1, 3],
  [2 ** 40, 7, 2 ** 51, 1, 3, 2 ** 50, 2, 9, 9, 1],
]

describe.each<Mode>(['certified', 'uncertified'])('%s', (mode) => {
  test.each(STAKES.map((stakes) => [stakes.length, stakes] as const))(
    'of %i members, as the page says, whatever the version',
    (_, stakes) => {
      for (const [version, standing] of STANDINGS.entries()) {
        const setup: OrderSetup = {
          chainId: 59_330 + version,
          epoch: 2 ** 33 + version,
          genesisHash: new Uint8Array(32),
          stakes,
          beacon: hash(Uint8Array.of(version)),
          previous: { subDagDigest: new Uint8Array(32), timestampMs: 0 },
          leadersPerRound: 3,
        }
        const schedule = new LeaderSchedule(mode, setup, version, standing)
        for (const round of [0, 1, 2, 3, 4, 5, 6, 7, 8, 20, 21, 300, 2 ** 34]) {
          const leaders = [0, 1, 2].flatMap((rank) => schedule.leaderOf(round, rank) ?? [])
          expect([version, round, leaders]).toEqual([version, round, leadersOf(mode, setup, version, standing, round)])
        }
      }
    },
  )
})
