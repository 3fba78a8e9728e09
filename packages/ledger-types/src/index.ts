/** Canonical transaction, receipt, block, checkpoint, certificate, committee. */
export * from './errors.ts'
