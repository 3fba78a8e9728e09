/**
 * The light client: from a committee that it trusts it follows the ledger by one certificate an epoch, and checks blocks, receipts and
 * entries of the state. No network, no clock; runs in browsers.
 */
export * from './client.ts'
export * from './epoch-proof.ts'
export * from './proofs.ts'
