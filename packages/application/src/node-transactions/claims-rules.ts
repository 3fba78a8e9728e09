/** What claims of an epoch are judged by: the state at that epoch's end, of which the ledger keeps what may have changed since. */
import type { Client, EpochRules } from '@selvedge/delivery-acknowledgement'
import { termsIn } from '../calls/deposits.ts'
import { currentPrices, serviceVersionIn } from '../epoch/view.ts'
import type { BlockContext } from '../execute/handler.ts'
import type { ClientRow } from '../state/account-tables.ts'
import { accountOf, clientOf } from '../state/accounts.ts'
import { SERVICE_STATES, services } from '../state/registry-tables.ts'
import type { State } from '../state/state.ts'

export function rulesOf(
  state: State,
  { chainId }: Pick<BlockContext, 'chainId'>,
  epoch: number,
  nodeIndex: number,
  nodeKey: Uint8Array,
): EpochRules {
  const { priceVersion, row } = currentPrices(state, epoch)
  const multiples = new Map<number, number | undefined>()
  return {
    chainId,
    epoch: BigInt(epoch),
    nodeIndex,
    nodeKey,
    prices: { priceVersion, ...row },
    multiplePpmOf(serviceId) {
      if (!multiples.has(serviceId)) multiples.set(serviceId, multipleIn(state, serviceId, epoch))
      return multiples.get(serviceId)
    },
    clientOf(account): Client | undefined {
      const { clientIndex } = accountOf(state, account)
      const client = clientOf(state, clientIndex)
      return client === undefined ? undefined : { clientIndex, minNonce: minNonceIn(client, epoch) }
    },
  }
}

const minNonceIn = (client: ClientRow, epoch: number): bigint => termsIn(client, epoch).minNonce

function multipleIn(state: State, serviceId: number, epoch: number): number | undefined {
  const service = state.get(services, serviceId)
  const isGone = service === undefined || (service.state === SERVICE_STATES.removed && service.since <= epoch)
  return isGone ? undefined : serviceVersionIn(state, serviceId, epoch)?.multiplePpm
}
