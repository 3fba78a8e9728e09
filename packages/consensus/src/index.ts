/** Byzantine-fault-tolerant total order: certified and uncertified DAG, epochs, recovery. */
export * from './errors.ts'
