/** The governed parameters that hold in the running epoch. What each is for, and its bounds, stands in `ledger-types` (`PARAMETERS`). */
import { PARAMETERS, parametersOf, type ParameterName, type Parameters } from '@selvedge/ledger-types'
import { parameters } from './registry-tables.ts'
import type { State } from './state.ts'

const YEAR_MS = 31_557_600_000n

export function parameterOf(state: State, name: ParameterName): bigint {
  const row = state.get(parameters, PARAMETERS[name].id)
  if (row === undefined) throw new RangeError(`a state without ${name} is not from genesis`)
  return row.value
}

/** The same as a number, for those that are counts. */
export function smallParameterOf(state: State, name: ParameterName): number {
  return Number(parameterOf(state, name))
}

export function allParametersOf(state: State): Parameters {
  return parametersOf((name) => parameterOf(state, name))
}

/** ⌊31,557,600,000 / epochMs⌋, at least 1. */
export function epochsPerYearOf(state: State): bigint {
  const count = YEAR_MS / parameterOf(state, 'epochMs')
  return count === 0n ? 1n : count
}
