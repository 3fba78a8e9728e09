/** Under Node.js a session to a host and port runs over TLS. */
export { connectTls as dial } from './tls-carrier.node.ts'
