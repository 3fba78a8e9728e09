// Goal: what was signed for is claimed, opened and paid by transactions alone, whatever happens to the node or to its transactions on the way.
import { decodeTransaction, encodeSystemCall, NODE_KINDS } from '@selvedge/ledger-types'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { claimsOf } from '../src/ledger-tools/owner-node.ts'
import { ClaimWorld } from './claim-world.ts'
import { MICRO, signed } from './ledger-network.ts'

const GB = 1_000_000_000n
/** µUSD a gigabyte, by the table of a development network; the node's part is 70 of 100. */
const GB_PRICE = 10_000n

/** A world in which a customer has signed for 100 GB at node 0 in epoch 0. */
async function worldWithEvidence(): Promise<ClaimWorld> {
  const world = await ClaimWorld.create()
  const [customer] = world.network.senders
  await world.deposit(customer!)
  const sessions = [5n, 20n, 75n].map((gigabytes) => world.claimed(customer!, world.delivered(customer!, 0, gigabytes * GB)))
  world.evidence = (epoch) => (epoch === 0n ? sessions : [])
  return world
}

function kindOf(bytes: Uint8Array): number {
  const decoded = decodeTransaction(bytes)
  if (!decoded.ok || decoded.transaction.form !== 'node') throw new Error('it is no transaction of a node')
  return decoded.transaction.kind
}

const filesOf = (world: ClaimWorld): Promise<string[]> => readdir(join(world.folder, 'claims-0'))

test('a claim is committed, opened and paid to the micro-unit, and let go of when that is certified', async () => {
  const world = await worldWithEvidence()
  const { owner } = world.network.nodes[0]!
  await world.startDuty()
  await world.until(() => world.claimState(0) === 'challenged')
  expect(await filesOf(world)).toEqual(['0000000000.claim'])
  await world.until(() => world.claimState(0) === 'passed')
  const standing = (): ReturnType<typeof claimsOf> => {
    const { state } = world.application
    return claimsOf({ url: 'here', row: async (table, key) => state.get(table, key) }, 0, world.application.lastApplied().epoch)
  }
  expect(await standing()).toEqual([{ epoch: 0, total: 100n * GB_PRICE, state: 'Passed' }])
  world.isCertified = false
  await world.until(() => world.claimState(0) === 'settled')
  expect(await standing()).toEqual([{ epoch: 0, total: 100n * GB_PRICE, state: 'Settled' }])
  expect(world.usd(owner.address)).toBe((100n * GB_PRICE * 70n) / 100n)
  await world.block()
  expect(world.seen.forgotten).not.toContain(0n)
  world.isCertified = true
  await world.block()
  expect(world.seen.forgotten).toContain(0n)
  expect(await filesOf(world)).toEqual([])
  expect(world.seen.events).toEqual([
    { type: 'claiming', epoch: 0, total: 100n * GB_PRICE, count: 3 },
    { type: 'commit', epoch: 0, transaction: expect.any(Uint8Array) as Uint8Array },
    { type: 'over', epoch: 0, isPaid: true },
  ])
  expect(world.seen.errors).toEqual([])
})

test.each(['committed', 'complete', 'challenged', 'passed'] as const)(
  'a node that was killed when its claim was %s goes on from disk, and is paid',
  async (state) => {
    const world = await worldWithEvidence()
    const { owner } = world.network.nodes[0]!
    await world.startDuty()
    if (state === 'committed') world.isLost = (bytes) => kindOf(bytes) === NODE_KINDS.claimDebits.id
    await world.until(() => world.claimState(0) === state)
    const { taken } = world.seen
    world.evidence = () => undefined // nothing but its own file knows of it any more
    world.isLost = () => false
    await world.startDuty()
    await world.until(() => world.claimState(0) === 'settled' && world.seen.forgotten.includes(0n))
    expect(world.usd(owner.address)).toBe((100n * GB_PRICE * 70n) / 100n)
    expect(world.seen.taken).toBeGreaterThanOrEqual(taken)
    expect(world.seen.errors).toEqual([])
  },
)

test.each(['isTaken', 'isLost'] as const)('what does not get through (%s) is said again until the state has it', async (how) => {
  const world = await worldWithEvidence()
  const ids = new Map<number, Set<string>>()
  world[how] = (bytes) => {
    const kind = kindOf(bytes)
    const before = ids.get(kind)?.size ?? 0
    ids.set(kind, (ids.get(kind) ?? new Set()).add(Buffer.from(bytes).toString('hex')))
    return how === 'isTaken' ? tries++ % 2 === 1 : before === 0 // every second is refused, or the first of each kind gets lost
  }
  let tries = 0
  await world.startDuty()
  await world.until(() => world.claimState(0) === 'settled')
  expect(ids.get(NODE_KINDS.claimCommit.id)?.size).toBe(1) // said again, it is the same transaction
})

test('evidence that may still grow is waited for; once the time to commit is over, nothing is claimed', async () => {
  const world = await worldWithEvidence()
  const { evidence } = world
  let isClosed = false
  world.evidence = (epoch) => (isClosed ? evidence(epoch) : undefined)
  await world.startDuty()
  await world.until(() => world.application.lastApplied().epoch === 1)
  await world.block()
  expect(world.claimState(0)).toBe(undefined)
  isClosed = true
  await world.until(() => world.claimState(0) === 'complete')

  const late = await worldWithEvidence()
  late.evidence = () => undefined
  await late.startDuty()
  await late.until(() => late.seen.forgotten.includes(0n))
  expect(late.claimState(0)).toBe(undefined)
  expect(late.application.lastApplied().epoch).toBe(1)
})

test('a dispute is answered with the leaves of its entry, and the claim is paid', async () => {
  const world = await ClaimWorld.create()
  const [customer] = world.network.senders
  const { owner } = world.network.nodes[0]!
  await world.block(signed(world.network.user, 0n, owner.address, 100n * MICRO)) // an answer to a dispute is no duty: its owner pays
  await world.deposit(customer!)
  const sessions = Array.from({ length: 40 }, () => world.claimed(customer!, world.delivered(customer!, 0, GB)))
  world.evidence = (epoch) => (epoch === 0n ? sessions : [])
  await world.startDuty()
  await world.until(() => world.claimState(0) === 'passed' && world.application.lastApplied().epoch === 2)
  const { nonce } = world.application.account(customer!.address)
  const { to, data } = encodeSystemCall('dispute', { epoch: 0n, nodeIndex: 0, serviceId: 0 })
  await world.block(signed(customer!, nonce, to, 10n * MICRO, data))
  expect(world.openDisputes(0)).toBe(1)
  await world.until(() => world.claimState(0) === 'settled')
  expect(world.usd(owner.address)).toBe((40n * GB_PRICE * 70n) / 100n)
})

test('a file that was changed costs its own claim and is said; nothing else stops', async () => {
  const world = await worldWithEvidence()
  await world.startDuty()
  await world.until(() => world.claimState(0) === 'complete')
  const path = join(world.folder, 'claims-0', '0000000000.claim')
  const bytes = await readFile(path)
  bytes[100]! ^= 1
  await writeFile(path, bytes)
  await world.startDuty()
  await world.block()
  expect(world.seen.errors).toMatchObject([{ code: 'NODE_CLAIM_FILE' }])
  await world.block()
  expect(world.seen.errors).toHaveLength(1)
})
