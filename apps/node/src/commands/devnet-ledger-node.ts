/** `selvedge devnet-ledger-node`: what `selvedge devnet` starts for each of its nodes; of no use by itself. */
import { tuneCollector } from '@selvedge/consensus/collector'
import { NodeError } from '../errors.ts'
import { runLedgerProcess } from '../ledger-devnet/ledger-process.ts'

export async function devnetLedgerNode(): Promise<void> {
  if (process.send === undefined) throw new NodeError('NODE_USAGE', 'devnet-ledger-node is started by: selvedge devnet')
  tuneCollector({ checksSignatures: true })
  await runLedgerProcess()
}
