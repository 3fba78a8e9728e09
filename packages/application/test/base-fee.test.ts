import { PARAMETERS } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { fakeExponential, nextFeeOf } from '../src/execute/base-fee.ts'
import { U64_MAX } from '../src/state/amounts.ts'
import { codesOf, Network } from './support/network.ts'

const TARGET = 31_500_000n
const next = (excess: bigint, gasUsed: bigint, elapsedMs = 1_000n): { excess: bigint; baseFee: bigint } =>
  nextFeeOf({ excess, gasUsed, elapsedMs, gasTargetPerSecond: TARGET, baseFeeMin: 100n })

/** Per second of a load of so many times the target, in hundredths of a percent, from where rounding no longer shows. */
function riseOf(times: bigint): bigint {
  const excess = 10n * 16n * TARGET
  const { baseFee } = next(excess, 0n, 0n)
  const after = next(excess, times * TARGET).baseFee
  return ((after - baseFee) * 10_000n) / baseFee
}

test('at the target it stays, at twice it rises 6.4 %, at three times 13 % a second', () => {
  expect([riseOf(1n), riseOf(2n), riseOf(3n)]).toEqual([0n, 644n, 1_331n])
})

test('it falls with time, to the least and not below, and has a most', () => {
  expect(next(0n, 0n)).toEqual({ excess: 0n, baseFee: 100n })
  expect(next(5n * TARGET, 0n, 4_000n).excess).toBe(TARGET)
  const most = next(29n * 16n * TARGET, 10n ** 15n)
  expect(most.excess).toBe(30n * 16n * TARGET)
  expect(next(most.excess, 10n ** 15n)).toEqual(most)
})

test('e^x by its series is the reference of EIP-4844', () => {
  const rows = [
    [1, 0, 1, 1],
    [38_493, 0, 1_000, 38_493],
    [0, 1_234, 2_345, 0],
    [1, 2, 1, 6],
    [1, 4, 2, 6],
    [1, 3, 1, 16],
    [10, 8, 2, 542],
    [11, 8, 2, 596],
    [1, 5, 2, 11],
    [2, 5, 2, 23],
    [1, 50_000_000, 2_225_652, 5_709_098_764],
  ]
  for (const [factor, numerator, denominator, expected] of rows) {
    expect(fakeExponential(BigInt(factor!), BigInt(numerator!), BigInt(denominator!))).toBe(BigInt(expected!))
  }
})

test('a flood raises the fee for itself, a transfer with viem’s head-room of a fifth still gets in', () => {
  const network = new Network({ genesis: { parameters: { gasTargetPerSecond: 2_100_000 } } })
  const [a, b] = network.wallets as [Network['wallets'][0], Network['wallets'][0]]
  let nonce = 0n
  const fees: bigint[] = []
  for (let second = 0; second < 4; second++) {
    const seen = network.app.lastApplied().baseFee
    const maxFeePerGas = (seen * 10n ** 9n * 12n) / 10n
    const flood = Array.from({ length: 299 }, () => network.transfer(a, b.address, 1n, { nonce: nonce++ }))
    network.run([{ type: 'transactions', author: 0, transactions: flood }], 1_000) // three times the target
    fees.push(network.app.lastApplied().baseFee)
    expect(
      codesOf(network.run([{ type: 'transactions', author: 1, transactions: [network.transfer(b, a.address, 1n, { maxFeePerGas })] }], 0)),
    ).toEqual([0])
  }
  expect(fees[0]).toBeGreaterThan(110n)
  expect(fees).toEqual(fees.toSorted((one, other) => Number(one - other)))
})

test('the fee of the dearest ledger under the longest load is still a u64', () => {
  const step = {
    excess: U64_MAX,
    gasUsed: 0n,
    elapsedMs: 0n,
    gasTargetPerSecond: 2_100_000n,
    baseFeeMin: BigInt(PARAMETERS.baseFeeMin.max),
  }
  expect(nextFeeOf(step).baseFee).toBe(U64_MAX)
})
