/** As if every connection were its client's first: Node's TLS clients are given no ticket of an earlier one, so each handshake is a full one. */
import { syncBuiltinESMExports } from 'node:module'
import tls from 'node:tls'

export function forgetTickets(): void {
  const { connect } = tls
  Object.assign(tls, { connect: (options: tls.ConnectionOptions) => connect({ ...options, session: undefined }) })
  syncBuiltinESMExports()
}
