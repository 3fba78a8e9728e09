/** Byzantine-fault-tolerant total order: certified and uncertified DAG, epochs, recovery. */
export * from './errors.ts'
export * from './ports.ts'
export type { NextEpoch, PeerKey } from './core/epochs-contract.ts'
export type { ClosedBy, CoreGauges, CoreOptions, RecordKind, StoredRecord, StoreView } from './core/contract.ts'
export { planAfter } from './driver/plan.ts'
export { createMemoryNetwork, type MemoryNetwork } from './driver/memory-network.ts'
export { FRAMES_IN_FLIGHT_MAX, QUEUED_BYTES_MAX } from './driver/flow-control.ts'
export type { Refusal, Submission } from './driver/submissions.ts'
export { createMemoryStore } from './store/memory-store.ts'
export * from './validator.ts'
export * from './validator-contract.ts'
export { createCheckpointSigner } from './checkpoint-signer.node.ts'
export { createWorkerVerifier } from './transaction-verifier.node.ts'
export {
  createTransactionWorkers,
  type TransactionJudge,
  type TransactionRules,
  type TransactionWorkers,
  type TransactionWorkersOptions,
  type Urgency,
} from './transaction-workers.node.ts'
export * from './wire/types.ts'
export * from './wire/limits.ts'
export * from './wire/committee.ts'
export * from './wire/batch.ts'
export * from './wire/header.ts'
export * from './wire/vote.ts'
export * from './wire/certificate.ts'
export * from './wire/block.ts'
export * from './wire/sub-dag.ts'
export * from './wire/system-transaction.ts'
export * from './wire/checkpoint.ts'
export * from './wire/statement.ts'
export * from './wire/evidence.ts'
export type { VertexQuery } from './wire/query.ts'
export * from './wire/frames.ts'
export * from './wire/check.ts'
export * from './wire/verify.ts'
export { createBullsharkRule } from './dag/bullshark-rule.ts'
export { createMysticetiRule } from './dag/mysticeti-rule.ts'
export { DagStore } from './dag/dag-store.ts'
export type { Commit, CommitRule, DagView, Halt, InsertOutcome, Mode, OrderSetup, Vertex, VertexReference } from './dag/contract.ts'
