/** With each epoch a bridge may mint up to its cap again (step 7). */
import { tokens } from '../state/registry-tables.ts'
import type { ChangeContext } from './contract.ts'

export function resetBridgeCaps({ state }: ChangeContext): void {
  for (const [token, row] of state.rows(tokens)) if (row.minted > 0n) state.put(tokens, token, { ...row, minted: 0n })
}
