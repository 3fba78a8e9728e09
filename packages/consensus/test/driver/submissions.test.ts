import { expect, test } from 'vitest'
import { Submissions } from '../../src/driver/submissions.ts'
import { ConsensusError } from '../../src/errors.ts'

const list = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => Uint8Array.of(i))

test('the core tells by numbers, and each client hears of its own', async () => {
  const submissions = new Submissions()
  const [first, second] = [submissions.open(list(3)), submissions.open(list(2))]
  submissions.enter([{ ticket: first.ticket, count: 3 }], [], 'CONSENSUS_OVERLOADED')
  submissions.enter([{ ticket: second.ticket, count: 2 }], [], 'CONSENSUS_OVERLOADED')
  expect(submissions.bytes).toBe(5 * 65)
  submissions.accept(submissions.take(4))
  expect(await first.settled).toEqual({ accepted: 3, refused: [] })
  expect(submissions.bytes).toBe(2 * 65)
  submissions.accept(submissions.take(1))
  expect(await second.settled).toEqual({ accepted: 2, refused: [] })
  expect(submissions.bytes).toBe(0)
})

test('what the core refuses is named by its place, though one object stands there twice', async () => {
  const submissions = new Submissions()
  const [a, b, c] = list(3) as [Uint8Array, Uint8Array, Uint8Array]
  const { ticket, settled } = submissions.open([a, b, a, c])
  submissions.enter([{ ticket, count: 4 }], [b, a], 'CONSENSUS_OVERLOADED')
  submissions.accept(submissions.take(2))
  expect(await settled).toEqual({
    accepted: 2,
    refused: [
      { index: 1, code: 'CONSENSUS_OVERLOADED' },
      { index: 2, code: 'CONSENSUS_OVERLOADED' },
    ],
  })
})

test('what goes into the next epoch waits behind what came in between', async () => {
  const submissions = new Submissions()
  const [old, young] = [submissions.open(list(2)), submissions.open(list(1))]
  submissions.enter([{ ticket: old.ticket, count: 2 }], [], 'CONSENSUS_OVERLOADED')
  const again = submissions.take(2)
  submissions.enter([{ ticket: young.ticket, count: 1 }], [], 'CONSENSUS_OVERLOADED')
  submissions.enter(again, [], 'CONSENSUS_OVERLOADED')
  submissions.accept(submissions.take(1))
  expect(await young.settled).toEqual({ accepted: 1, refused: [] })
  submissions.accept(submissions.take(2))
  expect(await old.settled).toEqual({ accepted: 2, refused: [] })
})

test('what has no epoch to go to is refused, what was accepted of the same stays', async () => {
  const submissions = new Submissions()
  const { ticket, settled } = submissions.open(list(5))
  submissions.refuse(ticket, 0, 'CONSENSUS_BAD_TRANSACTION')
  submissions.enter([{ ticket, count: 4 }], [], 'CONSENSUS_OVERLOADED')
  submissions.accept(submissions.take(1))
  submissions.refuseAll(submissions.take(9), 'CONSENSUS_NOT_A_MEMBER')
  const { accepted, refused } = await settled
  expect(accepted).toBe(1)
  expect(refused.map(({ index }) => index)).toEqual([0, 2, 3, 4])
})

test('at the end everybody hears why', async () => {
  const submissions = new Submissions()
  const { settled } = submissions.open(list(1))
  submissions.close(new ConsensusError('CONSENSUS_STOPPED', 'stopped'))
  await expect(settled).rejects.toMatchObject({ code: 'CONSENSUS_STOPPED' })
  expect(submissions.bytes).toBe(0)
})
