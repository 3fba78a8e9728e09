import { expect, test } from 'vitest'
import { Admission } from '../../src/driver/admission.ts'
import { Submissions } from '../../src/driver/submissions.ts'

const MIB = 2 ** 20

/** An admission whose verdicts come when the test gives them. */
function admissionWithLateVerdicts() {
  const asked: { readonly count: number; readonly answer: (verdicts: readonly boolean[]) => void }[] = []
  const entered: number[] = []
  const submissions = new Submissions()
  const verifier = {
    verify: (transactions: readonly Uint8Array[]) =>
      new Promise<readonly boolean[]>((answer) => asked.push({ count: transactions.length, answer })),
  }
  const post = (event: { readonly transactions?: readonly Uint8Array[] }): void => {
    entered.push(...(event.transactions ?? []).map((transaction) => transaction[0]!))
  }
  const onFailure = (failure: Error): void => {
    throw failure
  }
  const admission = new Admission({ submissions, verifier, post: post as never, onFailure }, 16 * MIB)
  return { admission, asked, entered }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('transactions enter in the order in which they were given, whatever order the threads end in', async () => {
  const { admission, asked, entered } = admissionWithLateVerdicts()
  for (let i = 1; i <= 3; i++) {
    void admission.submit([Uint8Array.of(i)], true)
    await turn()
  }
  asked[2]!.answer([true])
  asked[1]!.answer([true])
  await turn()
  expect(entered).toEqual([])
  asked[0]!.answer([true])
  await turn()
  expect(entered).toEqual([1, 2, 3])
})

test('what comes in one turn is looked at in one go, and enters in one', async () => {
  const { admission, asked, entered } = admissionWithLateVerdicts()
  const outcomes = [1, 2, 3, 4].map((i) => admission.submit([Uint8Array.of(i), Uint8Array.of(10 * i)], true))
  await turn()
  expect(asked.map(({ count }) => count)).toEqual([8])
  asked[0]!.answer([true, true, false, true, false, false, true, true])
  await turn()
  expect(entered).toEqual([1, 10, 20, 4, 40])
  expect((await outcomes[2]!).refused.map(({ index }) => index)).toEqual([0, 1])
})

test('above a MiB under way to the threads clients are refused before a signature is looked at', async () => {
  const { admission, asked } = admissionWithLateVerdicts()
  const large = (): Uint8Array[] => Array.from({ length: 20 }, () => new Uint8Array(60_000).fill(7))
  const first = admission.submit(large(), true) // however much it is: something must be let in
  const { accepted, refused } = await admission.submit([Uint8Array.of(1), Uint8Array.of(2)], true)
  expect({ accepted, refused }).toEqual({ accepted: 0, refused: [0, 1].map((index) => ({ index, code: 'CONSENSUS_OVERLOADED' })) })
  await turn()
  expect(asked).toHaveLength(1)
  asked[0]!.answer(Array.from({ length: 20 }, () => false))
  expect((await first).refused).toHaveLength(20)
  void admission.submit([Uint8Array.of(3)], true)
  await turn()
  expect(asked).toHaveLength(2)
})
