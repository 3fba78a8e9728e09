/** Where money is: the sums over every table that must be equal to what there is, after every block. */
import {
  accounts,
  balances,
  clients,
  disputes,
  leavingPools,
  nodes,
  owners,
  queue,
  QUEUE_KINDS,
  services,
  supplyRow,
  tokens,
  type Application,
} from '@selvedge/application'

const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n)

/** Native µ by place. Whoever adds a place where native money waits adds a line. */
export function nativeByPlace({ state }: Pick<Application, 'state'>): Record<string, bigint> {
  const hasOwnMoney = (kind: number): boolean => kind === QUEUE_KINDS.stake || kind === QUEUE_KINDS.serviceBond
  const all = state.rows(nodes).map(([, node]) => node)
  const supply = state.get(supplyRow, null)!
  return {
    accounts: sum(state.rows(accounts).map(([, { native }]) => native)),
    stakes: sum(all.map(({ stake }) => stake)),
    pools: sum(all.map(({ delegated }) => delegated)),
    queue: sum(state.rows(queue).map(([, { kind, amount }]) => (hasOwnMoney(kind) ? amount : 0n))),
    leaving: sum(state.rows(leavingPools).flatMap(([, pools]) => pools.map(({ left }) => left))),
    claimable: sum(state.rows(owners).map(([, { claimable }]) => claimable)),
    serviceBonds: sum(state.rows(services).map(([, { bond }]) => bond)),
    disputeBonds: sum(state.rows(disputes).map(([, { bond }]) => bond)),
    fund: supply.fund,
    rewards: supply.rewards,
  }
}

/** Bridged tokens but the first, which services are not paid in: what is in balances must be what came in and did not leave. */
function otherTokensAmiss({ state }: Pick<Application, 'state'>): string[] {
  const held = new Map<number, bigint>()
  for (const [{ token }, amount] of state.rows(balances)) held.set(token, (held.get(token) ?? 0n) + amount)
  const supplies = new Map(state.rows(tokens).map(([token, { supply }]) => [token, supply]))
  const names = [...new Set([...held.keys(), ...supplies.keys()])].filter((token) => token !== 1)
  return names.flatMap((token) => {
    const [inBalances, supply] = [held.get(token) ?? 0n, supplies.get(token) ?? 0n]
    return inBalances === supply ? [] : [`token ${token}: ${inBalances} in balances, ${supply} in its supply`]
  })
}

/** µUSD by place. */
export function usdByPlace({ state }: Pick<Application, 'state'>): Record<string, bigint> {
  const rows = state.rows(clients).map(([, client]) => client)
  return {
    balances: sum(state.rows(balances).map(([{ token }, amount]) => (token === 1 ? amount : 0n))),
    prepaid: sum(rows.map(({ prepaid }) => prepaid)),
    collateral: sum(rows.map(({ collateral }) => collateral)),
    fund: state.get(supplyRow, null)!.fundUsd,
  }
}

/** What is wrong with the sums; empty for nothing. `genesisNative` is what there was at the beginning. */
export function leaksOf(app: Pick<Application, 'state'>, genesisNative: bigint): string[] {
  const { native, minted, burnt } = app.state.get(supplyRow, null)!
  const [nativeSum, usdSum] = [sum(Object.values(nativeByPlace(app))), sum(Object.values(usdByPlace(app)))]
  const usd = app.state.get(tokens, 1)?.supply ?? 0n
  return [
    ...(nativeSum === native ? [] : [`native: ${nativeSum} in tables, ${native} in the supply`]),
    ...(native === genesisNative + minted - burnt ? [] : [`supply: ${native}, not ${genesisNative} + ${minted} - ${burnt}`]),
    ...(usdSum === usd ? [] : [`µUSD: ${usdSum} in tables, ${usd} in the supply`]),
    ...otherTokensAmiss(app),
  ]
}
