/** JSON-RPC 2.0 and the HTTP interface of the node. */
export * from './errors.ts'
