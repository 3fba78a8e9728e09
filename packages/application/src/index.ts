/**
 * The ledger's state machine: ordered blocks in, a state that everybody can check out. Deterministic, synchronous and total.
 *
 * `/lmdb` has the store that a node uses; `createMemoryStore` is for tests and tools.
 */
export * from './application.ts'
export * from './errors.ts'
export type { EvidenceMember, EvidenceRules } from './evidence/contract.ts'
export type { BlockItem, Executed, LedgerBlock, Outcome, Verdict } from './execute/block-contract.ts'
export { judgeTransaction, VERDICT_BYTES } from './execute/verdict.ts'
export { createVerdicts, type VerdictJudge, type Verdicts, type VerdictsComponents, type VerdictsOptions } from './execute/verdicts.ts'
export type { Simulated, SimulatedCall } from './execute/simulate.ts'
export type { KeptEpochProof } from './history/epoch-proofs.ts'
export type { NumberedEvent } from './history/history.ts'
export type { BlockRecord, TransactionPlace } from './history/records.ts'
export { createStateImport, hasState, type ImportedRow, type StateImport } from './history/import.ts'
export { stateRootOf } from './history/state-root.ts'
export type { LedgerSnapshot } from './history/snapshot.ts'
export type { KeyValueStore, Space, StoreReader, StoreSnapshot, Write } from './store/contract.ts'
export { SPACES } from './store/contract.ts'
export { createMemoryStore } from './store/memory-store.ts'
export { keyOf, type Table } from './state/table.ts'
export { encodeField, decodeField, type Field } from './state/fields.ts'
export { SCHEMA } from './state/schema.ts'
export * from './state/account-tables.ts'
export * from './state/claim-tables.ts'
export * from './state/meta-tables.ts'
export * from './state/node-tables.ts'
export * from './state/registry-tables.ts'
