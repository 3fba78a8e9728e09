/** Every scenario of the matrix. */
import type { Scenario } from './play.ts'
import { forging } from './table-forgeries.ts'
import { lies } from './table-lies.ts'
import { machines } from './table-machines.ts'
import { networks } from './table-network.ts'
import { ordering } from './table-order.ts'

export const scenarios: readonly Scenario[] = [...lies, ...forging, ...networks, ...machines, ...ordering]
