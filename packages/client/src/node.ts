/** What needs Node.js: a discovery document in a file. */
export { discoveryInFile } from './discovery/file.node.ts'
