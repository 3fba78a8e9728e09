/**
 * New native tokens for the work of an epoch, minted as it is settled: to nodes by boosted revenue (commission to the owner, the rest to own stake and
 * delegators), to services by revenue, the rest to the protocol's fund. What bounds it is explained in delivery-acknowledgement.
 */
import { boostOf, emissionOf, type Payment, shareEmission, splitNodeReward } from '@selvedge/delivery-acknowledgement'
import { addNative, mintNative, supplyOf } from '../state/accounts.ts'
import { NATIVE_SUPPLY_MAX, lesserOf } from '../state/amounts.ts'
import { supplyRow } from '../state/meta-tables.ts'
import { nodes, type NodeRow } from '../state/node-tables.ts'
import { nodeOf } from '../state/nodes.ts'
import { epochsPerYearOf, parameterOf } from '../state/parameters.ts'
import type { State } from '../state/state.ts'
import type { ChangeContext } from './contract.ts'
import { nativePriceRange } from './native-price.ts'
import { payService } from './payees.ts'

const U128_MAX = 2n ** 128n - 1n

export function emitFor(context: ChangeContext, epoch: number, payments: readonly Payment[], revenue: bigint): void {
  const { state, emit } = context
  const total = amountOf(context, revenue)
  if (total === 0n) return
  const boostMaxPpm = parameterOf(state, 'boostMaxPpm')
  const maxLock = parameterOf(state, 'maxLockEpochs')
  const earned = sumBy(payments, 'nodeIndex').map(([nodeIndex, sum]) => {
    const lockedUntil = BigInt((nodeOf(state, nodeIndex) as NodeRow).lockedUntil)
    return { nodeIndex, revenue: sum, boostPpm: boostOf(BigInt(epoch), lockedUntil, boostMaxPpm, maxLock) }
  })
  const earnedByService = sumBy(payments, 'serviceId').map(([serviceId, sum]) => ({ serviceId, revenue: sum }))
  const shares = {
    nodesPpm: parameterOf(state, 'emissionNodesPpm'),
    servicesPpm: parameterOf(state, 'emissionServicesPpm'),
    protocolPpm: parameterOf(state, 'emissionProtocolPpm'),
  }
  const emission = shareEmission(total, shares, earned, earnedByService)
  mintNative(state, emission.total)
  let forNodes = 0n
  let forServices = 0n
  let protocol = emission.protocol
  for (const { nodeIndex, part } of emission.nodes) {
    rewardNode(state, nodeIndex, part)
    forNodes += part
  }
  for (const { serviceId, part } of emission.services) {
    const unpaid = payService(state, epoch, serviceId, part, (address, amount) => addNative(state, address, amount))
    protocol += unpaid
    forServices += part - unpaid
  }
  const supply = supplyOf(state)
  state.put(supplyRow, null, { ...supply, fund: supply.fund + protocol })
  emit({ kind: 'emission', epoch, total: emission.total, nodes: forNodes, services: forServices, protocol })
}

/** The supply that a year's inflation is counted from is taken as the year begins. */
export function beginYear({ state, block }: ChangeContext): void {
  if (BigInt(block.epoch + 1) % epochsPerYearOf(state) !== 0n) return
  const supply = supplyOf(state)
  state.put(supplyRow, null, { ...supply, year: supply.native })
}

function amountOf({ state, block }: ChangeContext, revenue: bigint): bigint {
  const supply = supplyOf(state)
  const emitted = emissionOf(revenue, {
    yearSupply: supply.year,
    maxInflationPpm: parameterOf(state, 'maxInflationPpm'),
    epochsPerYear: epochsPerYearOf(state),
    burnPpm: parameterOf(state, 'burnPpm'),
    kappaPpm: parameterOf(state, 'emissionPpm'),
    price: nativePriceRange(state, block.epoch).highest,
  })
  return lesserOf(emitted, NATIVE_SUPPLY_MAX - supply.native)
}

/** The owner has what shares cannot hold: `rewardPerShare` stays within its field whatever a pool has become. */
function rewardNode(state: State, nodeIndex: number, part: bigint): void {
  const node = nodeOf(state, nodeIndex) as NodeRow
  const { commission, stake, delegated, shares, rewardPerShare } = node
  const reward = splitNodeReward(part, { commissionPpm: BigInt(commission), stake, delegated, shares })
  if (rewardPerShare + reward.perShare > U128_MAX) return addNative(state, node.owner, part)
  addNative(state, node.owner, reward.owner)
  if (reward.perShare === 0n) return
  state.put(nodes, nodeIndex, { ...node, rewardPerShare: rewardPerShare + reward.perShare })
  const supply = supplyOf(state)
  state.put(supplyRow, null, { ...supply, rewards: supply.rewards + reward.delegators })
}

function sumBy(payments: readonly Payment[], key: 'nodeIndex' | 'serviceId'): readonly (readonly [number, bigint])[] {
  const sums = new Map<number, bigint>()
  for (const payment of payments) sums.set(payment[key], (sums.get(payment[key]) ?? 0n) + payment.revenue)
  return [...sums].toSorted(([a], [b]) => a - b)
}
