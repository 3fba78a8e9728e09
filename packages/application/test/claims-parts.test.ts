/** Debits come in parts, in any order, and what they say together is judged as soon as it can be. */
import { CLAIM_STATES, claims, debits } from '@selvedge/application'
import { sha256 } from '@selvedge/crypto/sha256'
import { cutDebits, encodeClaimCommit, encodeClaimDebits, encodeDebits } from '@selvedge/delivery-acknowledgement'
import type { NodeBody } from '@selvedge/ledger-types'
import { beforeEach, expect, test } from 'vitest'
import { answerBodies, bytesFor, type Claim, claimOf, deliver, fromNode, runAt } from './support/delivery.ts'
import { codesOf, Network } from './support/network.ts'

const USD = 1_000_000n
let network: Network
let claim: Claim

/** Node 1 served seven clients: 7 debits in 4 parts. The epoch after has begun. */
beforeEach(() => {
  network = new Network({ wallets: 8 })
  const clients = network.wallets.slice(1)
  for (const wallet of clients) network.send(network.call(wallet, 'deposit', { account: wallet.address, amount: 10n * USD }))
  const evidence = clients.map((client, session) => deliver(network, 1, { client, bytes: bytesFor(BigInt(session + 1) * USD), session }))
  claim = claimOf(network, 1, evidence)
  network.closeEpoch()
})

const part = (bytes: Uint8Array): NodeBody => ({ kind: 'claimDebits', bytes })
const commit = (bytes: Uint8Array = claim.commit): NodeBody => ({ kind: 'claimCommit', bytes })
const codesFrom = (...bodies: NodeBody[]): number[] => codesOf(network.run([fromNode(network, 1, ...bodies)]))
const row = () => network.app.state.get(claims, { epoch: 0, nodeIndex: 1 })!
const partOf = (place: number, parts: number, bytes: Uint8Array): Uint8Array =>
  encodeClaimDebits({ epoch: 0n, nodeIndex: 1, part: place, parts, bytes })

test.each([
  [0, 1, 2, 3],
  [3, 2, 1, 0],
  [2, 0, 3, 1],
])('parts in the order %i %i %i %i are read once each, and every point is found in its part', (...order) => {
  const bodies = order.map((place) => part(claim.parts[place]!))
  expect(codesFrom(commit(), ...bodies)).toEqual([0, 0, 0, 0, 0])
  expect(row()).toMatchObject({ state: CLAIM_STATES.complete, read: 4, place: { sum: 28n * USD, pairs: 7, left: 0 } })
  const starts = [0, 1, 2, 3].map((place) => network.app.state.get(debits, { epoch: 0, nodeIndex: 1, part: place })!.place.sum / USD)
  expect(starts).toEqual([0n, 3n, 10n, 21n])
  runAt(network, 30)
  expect(codesFrom(...answerBodies(network, claim))).toEqual([0, 0])
  expect(row().state).toBe(CLAIM_STATES.passed)
})

test('a part comes once, says the same number of parts as the first, and no more than there are leaves', () => {
  expect(codesFrom(part(claim.parts[0]!))).toEqual([52]) // nothing is committed
  expect(codesFrom(commit(), part(claim.parts[2]!), part(claim.parts[2]!))).toEqual([0, 0, 51])
  expect(codesFrom(part(partOf(0, 5, Uint8Array.of(1))))).toEqual([46])
  expect(codesFrom(part(claim.parts[0]!.slice(1)))).toEqual([46])
  expect(row().state).toBe(CLAIM_STATES.committed)
})

test('a part that is wrong by itself fails, and its place is still free', () => {
  const bytes = claim.parts[0]!.slice(20)
  const backwards = partOf(0, 4, Uint8Array.of(...bytes.subarray(0, 8), ...bytes.subarray(18, 28), ...bytes.subarray(8, 18)))
  const cut = partOf(0, 4, bytes.subarray(0, 27))
  const tooMany = partOf(0, 8, bytes)
  expect(codesFrom(commit(), part(backwards), part(cut), part(tooMany))).toEqual([0, 46, 46, 46])
  expect(codesFrom(...claim.parts.map(part))).toEqual([0, 0, 0, 0])
  expect(row().state).toBe(CLAIM_STATES.complete)
})

test('the last part fails when the sum is not the total, or a section is not finished', () => {
  const more = claim.debits.with(6, { ...claim.debits[6]!, amount: claim.debits[6]!.amount + 1n })
  const last = cutDebits(encodeDebits(more), 28).at(-1)!
  expect(codesFrom(commit(), ...claim.parts.slice(0, 3).map(part), part(partOf(3, 4, last)))).toEqual([0, 0, 0, 0, 46])
  expect(codesFrom(part(claim.parts[3]!))).toEqual([0])
  expect(row().state).toBe(CLAIM_STATES.complete)
})

test('parts that do not follow each other, or have another digest, void the claim at once', () => {
  expect(codesFrom(commit(), part(partOf(1, 4, claim.parts[0]!.slice(20))), part(claim.parts[0]!))).toEqual([0, 0, 0])
  expect(row().state).toBe(CLAIM_STATES.void)
  expect(codesFrom(part(claim.parts[2]!))).toEqual([51])
})

test('debits of another digest void the claim', () => {
  const { root, total, count } = claim.tree
  const other = encodeClaimCommit({ epoch: 0n, nodeIndex: 1, root, total, count, debitsDigest: sha256(root) })
  expect(codesFrom(commit(other), ...claim.parts.map(part))).toEqual([0, 0, 0, 0, 0])
  expect(row().state).toBe(CLAIM_STATES.void)
})

test('clients and services that are none are not debited: they cost nothing to name, and much to settle', () => {
  const [first, ...others] = claim.debits
  const named = [
    [{ ...first!, clientIndex: 0 }, ...others],
    [...others, { ...first!, clientIndex: 2 ** 32 - 1 }],
    [...others, { ...first!, serviceId: 1 }],
  ]
  expect(codesFrom(commit())).toEqual([0])
  for (const debitsOf of named) expect(codesFrom(part(partOf(0, 1, encodeDebits(debitsOf))))).toEqual([46])
  expect(codesFrom(...claim.parts.map(part))).toEqual([0, 0, 0, 0])
})

test('no part is further ahead of the first that is missing than nonces may be, so that few are read at once', () => {
  const { root } = claim.tree
  const total = 2n ** 40n
  const large = encodeClaimCommit({ epoch: 0n, nodeIndex: 1, root, total, count: 1_000, debitsDigest: sha256(root) })
  expect(codesFrom(commit(large), part(partOf(64, 200, Uint8Array.of(1))), part(partOf(63, 200, Uint8Array.of(1))))).toEqual([0, 46, 0])
})
