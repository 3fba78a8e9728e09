/** What needs Node.js: the node's front door, and the TLS carrier by itself. */
export { encodeCertificate } from '@selvedge/crypto/certificate'
export { connectTls, type TlsCarrier } from './tls-carrier.node.ts'
export type { DialOptions } from './dial.ts'
export type { LaneListener, LaneRequest } from './node-session.ts'
export { createSessionServer, type SessionServer, type SessionServerComponents, type SessionServerOptions } from './session-server.node.ts'
