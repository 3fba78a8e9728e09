/**
 * A Selvedge node inside another program: the command line as a function, and the node itself.
 */
export { runCli } from './cli/program.ts'
export { loadKeyPair } from './compose/key-file.ts'
export type { LaneEvent } from './compose/lane-service.ts'
export { startNode, type NodeOptions, type RunningNode } from './compose/node.ts'
export { NodeError, type NodeErrorCode } from './errors.ts'
