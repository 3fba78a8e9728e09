/** What plain `node:tls` is given, so that it does the same: the same kind of key and certificate, TLS 1.3, the same cipher. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import type { SecureContextOptions, TLSSocket } from 'node:tls'
import { encodeCertificate, encodePrivateKey } from '@selvedge/crypto/certificate'
import type { KeyPair } from '@selvedge/crypto/ed25519'

export const TLS_1_3 = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256' } as const

export function credentialsOf(identity: KeyPair): SecureContextOptions {
  const secret = createPrivateKey({ key: Buffer.from(encodePrivateKey(identity)), format: 'der', type: 'pkcs8' })
  const key = secret.export({ format: 'pem', type: 'pkcs8' })
  const cert = `-----BEGIN CERTIFICATE-----\n${Buffer.from(encodeCertificate(identity)).toString('base64')}\n-----END CERTIFICATE-----\n`
  return { ...TLS_1_3, key, cert }
}

/** As `holds` wants it. */
export const keyOf = (identity: KeyPair): KeyObject => new X509Certificate(encodeCertificate(identity)).publicKey

/** Whether the other end has proven that it holds `key`. */
export const holds = (socket: TLSSocket, key: KeyObject): boolean => socket.getPeerX509Certificate()?.publicKey.equals(key) === true
