/**
 * JSON-RPC 2.0 and the HTTP interface of the node: what wallets, explorers and light clients speak to. The ledger, consensus and the
 * node come in through ports.
 *
 * @packageDocumentation
 */
export { JSON_RPC_CODES, RpcError, type RpcErrorCode } from './errors.ts'
export {
  AGAIN,
  type Caller,
  createJsonRpc,
  type Feed,
  type JsonRpc,
  type JsonRpcOptions,
  type Method,
  type Subscriber,
} from './json-rpc.ts'
export type {
  Admission,
  BlockBody,
  BlockView,
  LedgerView,
  NodeStanding,
  NodeView,
  NumberedEvent,
  RpcComponents,
  Simulated,
  StatesHeld,
  StateView,
  Submitter,
  UnsignedCall,
} from './ports.ts'
export { createRpcServer, type RpcOptions, type RpcServer } from './rpc-server.ts'
export { type PoolLedger, type PoolOptions, type PoolTransaction, TransactionPool } from './transaction-pool.ts'
