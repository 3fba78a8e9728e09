/** The two ends of mutual TLS 1.3: our certificate shows our node key, theirs is looked at for nothing but its key. */
import { constants, createPrivateKey } from 'node:crypto'
import type { Socket } from 'node:net'
import { connect, type ConnectionOptions, createSecureContext, TLSSocket } from 'node:tls'
import { encodeCertificate, encodePrivateKey } from '@selvedge/crypto/certificate'
import type { KeyPair } from '@selvedge/crypto/ed25519'
import type { PeerKey } from '../core/epochs-contract.ts'

const ALPN = 'selvedge-consensus/1'
/** AES-128-GCM first: the fastest where the processor has AES. */
const CIPHERS = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256'

export interface TlsIdentity {
  /** Our end of a connection that came in; 'secure' follows. */
  answer(socket: Socket): TLSSocket
  /** Our end of one that goes out; 'secureConnect' follows. */
  connect(address: { readonly host: string; readonly port: number }): TLSSocket
}

export function createTlsIdentity(keyPair: KeyPair): TlsIdentity {
  const key = createPrivateKey({ key: Buffer.from(encodePrivateKey(keyPair)), format: 'der', type: 'pkcs8' }).export({
    format: 'pem',
    type: 'pkcs8',
  })
  const cert = `-----BEGIN CERTIFICATE-----\n${Buffer.from(encodeCertificate(keyPair)).toString('base64')}\n-----END CERTIFICATE-----\n`
  const versions = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', ciphers: CIPHERS } as const
  // A resumed session shows no certificate: no tickets.
  const secureContext = createSecureContext({ ...versions, key, cert, honorCipherOrder: true, secureOptions: constants.SSL_OP_NO_TICKET })
  // No authority stands behind these certificates: the key is compared by us.
  const both = { secureContext, ALPNProtocols: [ALPN], rejectUnauthorized: false } as const
  const outgoing: ConnectionOptions = { ...both, ...versions, checkServerIdentity: () => undefined }
  return {
    answer: (socket) => new TLSSocket(socket, { ...both, isServer: true, requestCert: true }),
    connect: ({ host, port }) => connect({ ...outgoing, host, port }),
  }
}

/** The node key that the other side holds; `undefined` where it has shown none in this very handshake. */
export function provenKeyOf(socket: TLSSocket): PeerKey | undefined {
  if (socket.alpnProtocol !== ALPN || socket.isSessionReused()) return undefined
  const key = socket.getPeerX509Certificate()?.publicKey
  const shown = key?.asymmetricKeyType === 'ed25519' ? key.export({ format: 'jwk' }).x : undefined
  return shown === undefined ? undefined : Buffer.from(shown, 'base64url').toString('hex')
}
