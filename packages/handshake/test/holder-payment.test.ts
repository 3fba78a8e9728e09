/** What the holder of a token tells the owner of the session about how far a lane is verified: core against core. */
import { expect, test } from 'vitest'
import type { CoreLane } from '../src/lane-core.ts'
import { carry, join, type Joined, openJoined, send, shared, tokenOf } from './joined.ts'

interface Read extends Joined {
  readonly atClient: CoreLane
  readonly atNode: CoreLane
}

/** A joined connection with a lane of which 5,000 bytes came and 2,000 are verified. */
function reading(): Read {
  const world = shared()
  const joined = join(world, tokenOf(world))
  const lanes = openJoined(joined)
  send(joined, lanes.atNode, 5_000)
  joined.client.wishes.verified!(lanes.atClient.id, 2_000n)
  return { ...joined, ...lanes }
}

function end(read: Read): void {
  read.node.end(read.atNode, [])
  read.client.end(read.atClient, [])
  carry(read)
}

const toldOf = ({ reports }: Joined): unknown[] =>
  reports.slice(1).map((report) => ('offset' in report ? [report.type, report.offset] : [report.type]))

test('a reader who leaves a lane that ended says that all of it is paid; once, and of no other lane', () => {
  const read = reading()
  const { wishes } = read.client
  wishes.left!(read.atClient.id) // not over yet: its reset says the same
  end(read)
  for (const lane of [read.atClient.id, read.atClient.id, 8_200]) wishes.left!(lane)
  expect(toldOf(read)).toEqual([
    ['verified', 2_000n],
    ['over', 5_000n],
    ['verified', 5_000n],
  ])
})

test('who found that what came is wrong says so once, before or after its end, and does not pay it by leaving', () => {
  const [before, after] = [reading(), reading()]
  for (let i = 0; i < 2; i++) before.client.wishes.refused!(before.atClient.id)
  for (const read of [before, after]) {
    end(read)
    for (const lane of [read.atClient.id, read.atClient.id, 8_200]) read.client.wishes.refused!(lane)
    read.client.wishes.left!(read.atClient.id)
  }
  expect(toldOf(before)).toEqual([['verified', 2_000n], ['refused'], ['over', 5_000n]])
  expect(toldOf(after)).toEqual([['verified', 2_000n], ['over', 5_000n], ['refused']])
})

test('of a lane that was verified to its end nothing is left to say', () => {
  const read = reading()
  end(read)
  read.client.wishes.verified!(read.atClient.id, 5_000n)
  read.client.wishes.left!(read.atClient.id)
  read.client.wishes.refused!(read.atClient.id)
  expect(toldOf(read)).toEqual([
    ['verified', 2_000n],
    ['over', 5_000n],
    ['verified', 5_000n],
  ])
})

const UNIT = 2n ** 21n + 2n ** 17n

test('a lane that is reset while somebody verifies it is told over when he is done: with what he verified, and the unit in which that ended', () => {
  const read = reading()
  const { client, atClient } = read
  client.wishes.followed!(atClient.id)
  client.reset(atClient, 25, '', [], true)
  carry(read)
  expect(toldOf(read)).toEqual([['verified', 2_000n]])
  client.wishes.verified!(atClient.id, 4_000n)
  for (let times = 0; times < 2; times++) client.wishes.left!(atClient.id)
  expect(toldOf(read)).toEqual([
    ['verified', 2_000n],
    ['verified', 4_000n],
    ['over', 5_000n],
  ])
})

test('what he finds wrong behind the reset is told, and that nothing behind what is verified came', () => {
  const read = reading()
  const { client, atClient } = read
  client.wishes.followed!(atClient.id)
  client.reset(atClient, 25, '', [], true)
  carry(read)
  client.wishes.refused!(atClient.id)
  client.wishes.left!(atClient.id)
  expect(toldOf(read)).toEqual([['verified', 2_000n], ['refused'], ['over', 2_000n]])
})

test('unseen, the owner is told to pay for one unit at most', () => {
  const world = shared()
  const joined = join(world, tokenOf(world))
  const { atClient, atNode } = openJoined(joined)
  const credit = 2 ** 21 + 2 ** 18
  send(joined, atNode, credit)
  joined.client.wishes.verified!(atClient.id, 100n)
  joined.client.reset(atClient, 25, '', [])
  carry(joined)
  expect(atClient.received).toBe(credit)
  expect(toldOf(joined)).toEqual([
    ['verified', 100n],
    ['over', 100n + UNIT],
  ])
})
