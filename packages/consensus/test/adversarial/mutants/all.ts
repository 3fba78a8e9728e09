/** Every planted bug. */
import type { Mutant } from '../patch.ts'
import { bullsharkMutants } from './bullshark.ts'
import { mysticetiMutants } from './mysticeti.ts'
import { orderMutants } from './order.ts'

export const mutants: readonly Mutant[] = [...bullsharkMutants, ...mysticetiMutants, ...orderMutants]
