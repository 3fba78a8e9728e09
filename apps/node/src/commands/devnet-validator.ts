/** `selvedge devnet-validator`: what `selvedge devnet --story consensus` starts for each of its validators; of no use by itself. */
import { tuneCollector } from '@selvedge/consensus/collector'
import { runValidatorProcess } from '../devnet/validator-process.ts'
import { NodeError } from '../errors.ts'

export async function devnetValidator(): Promise<void> {
  if (process.send === undefined) throw new NodeError('NODE_USAGE', 'devnet-validator is started by: selvedge devnet --story consensus')
  tuneCollector()
  await runValidatorProcess()
}
