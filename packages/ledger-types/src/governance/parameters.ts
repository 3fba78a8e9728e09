/**
 * Governed parameters, as data: number on the wire, bounds, defaults. Money is `bigint` of micro-units, all else a `number`.
 *
 * Those of the order hold for a whole epoch, so no member is ever under two of them. Their bounds are not what the rules of order need to be
 * safe (1 would do for both counts): `gcDepth` below 8 loses what a member half a second behind has said, and above 200 a full committee's
 * state of the order is a megabyte; a schedule that changes with each commit counts nothing, one that never does keeps a leader that is gone.
 * Source: ledger rules, table "parameter".
 */
export interface ParameterSchema {
  readonly id: number
  readonly unit: 'ms' | 'count' | 'epochs' | 'ppm' | 'micro' | 'gas' | 'baseFee' | 'mode' | 'rounds' | 'commits'
  /** Defaults of the main and of a development network. */
  readonly main: number
  readonly dev: number
  readonly min: number
  readonly max: number
  readonly means: string
}

export type MoneyParameterName = 'minStake' | 'disputeBond' | 'serviceBond'
export type NumberParameterName =
  | 'epochMs'
  | 'committeeSize'
  | 'candidateCount'
  | 'unbondEpochs'
  | 'maxLockEpochs'
  | 'burnPpm'
  | 'servicePpm'
  | 'protocolPpm'
  | 'emissionPpm'
  | 'boostMaxPpm'
  | 'emissionNodesPpm'
  | 'emissionServicesPpm'
  | 'emissionProtocolPpm'
  | 'maxInflationPpm'
  | 'baseFeeMin'
  | 'gasTargetPerSecond'
  | 'dutyGasBase'
  | 'dutyGasPerStake'
  | 'governDelayEpochs'
  | 'eligibilityScore'
  | 'contentPerNode'
  | 'orderMode'
  | 'gcDepth'
  | 'scheduleCommits'
export type ParameterName = MoneyParameterName | NumberParameterName

/** A value for each parameter. */
export type Parameters = { readonly [N in NumberParameterName]: number } & { readonly [N in MoneyParameterName]: bigint }

const PPM = 1_000_000
const NATIVE = 1_000_000
const DAY_MS = 86_400_000
const SAFE = Number.MAX_SAFE_INTEGER

export const PARAMETERS: Readonly<Record<ParameterName, ParameterSchema>> = {
  epochMs: { id: 0, unit: 'ms', main: DAY_MS, dev: 12_000, min: 12_000, max: 366 * DAY_MS, means: 'length of an epoch' },
  committeeSize: { id: 1, unit: 'count', main: 20, dev: 4, min: 4, max: 100, means: 'seats' },
  candidateCount: { id: 2, unit: 'count', main: 100, dev: 100, min: 4, max: 100, means: 'heaviest nodes among which seats are drawn' },
  minStake: { id: 3, unit: 'micro', main: 1_000 * NATIVE, dev: 1_000 * NATIVE, min: 1, max: SAFE, means: 'least stake of a node' },
  unbondEpochs: { id: 4, unit: 'epochs', main: 5, dev: 5, min: 4, max: 100, means: 'how long stake stays slashable after it leaves' },
  maxLockEpochs: {
    id: 5,
    unit: 'epochs',
    main: 1_460,
    dev: 1_460,
    min: 1,
    max: 100_000,
    means: 'longest lock, which gives the full boost',
  },
  burnPpm: { id: 6, unit: 'ppm', main: 100_000, dev: 100_000, min: 10_000, max: 900_000, means: 'β: share of revenue that is burnt' },
  servicePpm: { id: 7, unit: 'ppm', main: 200_000, dev: 200_000, min: 0, max: 890_000, means: "σ_s: the service's share" },
  protocolPpm: { id: 8, unit: 'ppm', main: 0, dev: 0, min: 0, max: 890_000, means: "σ_p: the protocol fund's share" },
  emissionPpm: { id: 9, unit: 'ppm', main: 120_000, dev: 120_000, min: 0, max: 500_000, means: 'κ: what is minted of what was burnt' },
  boostMaxPpm: {
    id: 10,
    unit: 'ppm',
    main: 4 * PPM,
    dev: 4 * PPM,
    min: PPM,
    max: 100 * PPM,
    means: 'b_max: weight of a fully locked node',
  },
  emissionNodesPpm: { id: 11, unit: 'ppm', main: 800_000, dev: 800_000, min: 0, max: PPM, means: "ε_n: nodes' share of emission" },
  emissionServicesPpm: { id: 12, unit: 'ppm', main: 200_000, dev: 200_000, min: 0, max: PPM, means: "ε_s: services' share" },
  emissionProtocolPpm: { id: 13, unit: 'ppm', main: 0, dev: 0, min: 0, max: PPM, means: "ε_p: the protocol fund's share" },
  maxInflationPpm: { id: 14, unit: 'ppm', main: 100_000, dev: 100_000, min: 0, max: 200_000, means: 'most that is minted in a year' },
  baseFeeMin: { id: 15, unit: 'baseFee', main: 100, dev: 100, min: 100, max: 2 ** 32, means: 'lowest base fee, in 10^-9 native a gas' },
  gasTargetPerSecond: {
    id: 16,
    unit: 'gas',
    main: 31_500_000,
    dev: 31_500_000,
    min: 2_100_000,
    max: 2 ** 40,
    means: 'load that the fee aims at',
  },
  dutyGasBase: {
    id: 17,
    unit: 'gas',
    main: 20_000_000,
    dev: 20_000_000,
    min: 0,
    max: 2 ** 48,
    means: 'gas of duties that is free for each node and epoch',
  },
  dutyGasPerStake: {
    id: 18,
    unit: 'gas',
    main: 5_000_000,
    dev: 5_000_000,
    min: 0,
    max: 2 ** 48,
    means: 'more of it for each minStake staked',
  },
  disputeBond: { id: 19, unit: 'micro', main: 10 * NATIVE, dev: 10 * NATIVE, min: 1, max: SAFE, means: 'what a dispute puts down' },
  serviceBond: { id: 20, unit: 'micro', main: 100 * NATIVE, dev: 100 * NATIVE, min: 1, max: SAFE, means: 'what a service puts down' },
  governDelayEpochs: { id: 21, unit: 'epochs', main: 2, dev: 1, min: 1, max: 1_000, means: 'from approval to effect' },
  eligibilityScore: { id: 22, unit: 'count', main: 0, dev: 0, min: 0, max: 100 * PPM, means: 'score below which a node becomes Idle' },
  contentPerNode: { id: 23, unit: 'count', main: PPM, dev: PPM, min: 1, max: 2 ** 40, means: 'content entries of one node' },
  orderMode: { id: 24, unit: 'mode', main: 0, dev: 0, min: 0, max: 1, means: 'how blocks are ordered: 0 certified, 1 uncertified' },
  gcDepth: { id: 25, unit: 'rounds', main: 50, dev: 50, min: 8, max: 200, means: 'rounds that the order keeps below its last leader' },
  scheduleCommits: { id: 26, unit: 'commits', main: 100, dev: 100, min: 2, max: 10_000, means: 'commits between two schedules of leaders' },
}

/** What the numbers of `orderMode` say: votes make certificates (Bullshark), or blocks alone do (Mysticeti-C). */
export const ORDER_MODES = ['certified', 'uncertified'] as const
export type OrderMode = (typeof ORDER_MODES)[number]

export const PARAMETER_NAMES: readonly ParameterName[] = Object.keys(PARAMETERS) as ParameterName[]

/** Product of κ and b_max above which serving oneself could pay. */
const SELF_DEALING_MAX = 500_000_000_000

/** All defaults of a network. */
export function defaultParameters(network: 'main' | 'dev'): Parameters {
  return parametersOf((name) => BigInt(PARAMETERS[name][network]))
}

/** Parameters from their values on the wire. */
export function parametersOf(valueOf: (name: ParameterName) => bigint): Parameters {
  return Object.fromEntries(
    PARAMETER_NAMES.map((name) => [name, isMoney(name) ? valueOf(name) : Number(valueOf(name))]),
  ) as unknown as Parameters
}

/** The name of a parameter by its number. */
export function parameterNameOf(id: number): ParameterName | undefined {
  return PARAMETER_NAMES.find((name) => PARAMETERS[name].id === id)
}

/** What is wrong with the values, each by itself and together; `undefined` for nothing. */
export function parametersFaultOf(parameters: Parameters): string | undefined {
  for (const name of PARAMETER_NAMES) {
    const { min, max } = PARAMETERS[name]
    if (BigInt(parameters[name]) < BigInt(min) || BigInt(parameters[name]) > BigInt(max)) return `${name} must be from ${min} to ${max}`
  }
  const { burnPpm, servicePpm, protocolPpm, emissionPpm, boostMaxPpm } = parameters
  if (burnPpm + servicePpm + protocolPpm > 900_000) return 'burnPpm, servicePpm and protocolPpm are at most 900,000 together'
  if (emissionPpm * boostMaxPpm > SELF_DEALING_MAX) return 'emissionPpm · boostMaxPpm is at most 0.5 · 10^12'
  const { emissionNodesPpm, emissionServicesPpm, emissionProtocolPpm } = parameters
  if (emissionNodesPpm + emissionServicesPpm + emissionProtocolPpm !== PPM) return 'shares of emission are 10^6 together'
  if (parameters.candidateCount < parameters.committeeSize) return 'candidateCount is at least committeeSize'
  return undefined
}

function isMoney(name: ParameterName): name is MoneyParameterName {
  return PARAMETERS[name].unit === 'micro'
}
