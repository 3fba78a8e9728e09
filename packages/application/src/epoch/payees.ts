/** Whom a service pays: by the version that it had when the money was earned. */
import { sharesOf } from '../state/amounts.ts'
import type { State } from '../state/state.ts'
import { serviceVersionIn } from './view.ts'

/** Shares what a service earned in `epoch` over the payees that it had then. @returns what has no payee. */
export function payService(
  state: State,
  epoch: number,
  serviceId: number,
  amount: bigint,
  give: (address: Uint8Array, part: bigint) => void,
): bigint {
  const payees = serviceVersionIn(state, serviceId, epoch)?.payees ?? []
  const parts = sharesOf(
    amount,
    payees.map(({ ppm }) => BigInt(ppm)),
  )
  let left = amount
  for (const [i, { address }] of payees.entries()) {
    const part = parts[i] ?? 0n
    give(address, part)
    left -= part
  }
  return left
}
