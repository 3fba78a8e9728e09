/**
 * The ledger's values and their bytes: transactions, receipts, events, blocks, checkpoints, certificates, committees, genesis, archives.
 *
 * Pure and deterministic: no clock, no chance, no I/O. Every decoder accepts exactly what its encoder writes and throws `LedgerError` alone.
 */
export * from './accounts.ts'
export * from './blocks/block.ts'
export * from './blocks/checkpoint.ts'
export * from './blocks/committee.ts'
export * from './blocks/events.ts'
export * from './blocks/receipt.ts'
export * from './blocks/tree.ts'
export * from './bytes.ts'
export * from './codes.ts'
export * from './errors.ts'
export * from './gas.ts'
export * from './hash.ts'
export * from './transactions/envelope.ts'
export * from './transactions/ethereum.ts'
export * from './transactions/node.ts'
export * from './transactions/rlp.ts'
export * from './transactions/system.ts'
export * from './transactions/types.ts'
