/**
 * Where a node is reached: `count u8 (1 to 4) · each: kind u8 (4 or 6) · ip 4 or 16 · four ports u16 (pool, sessions, websocket, pinger)`.
 * A port of 0 is not offered.
 */
import { ByteWriter, decodeWhole } from '../bytes.ts'
import { LedgerError } from '../errors.ts'

export interface NetworkAddress {
  /** 4 or 16 bytes. */
  readonly ip: Uint8Array
  readonly pool: number
  readonly sessions: number
  readonly websocket: number
  readonly pinger: number
}

export const ADDRESSES_MAX = 4
const IPV4 = 4
const IPV6 = 6

export function encodeAddresses(addresses: readonly NetworkAddress[]): Uint8Array {
  if (addresses.length < 1 || addresses.length > ADDRESSES_MAX) throw new LedgerError('LEDGER_OUT_OF_RANGE', 'a node has 1 to 4 addresses')
  const out = new ByteWriter(1 + addresses.length * 25).u8(addresses.length)
  for (const { ip, pool, sessions, websocket, pinger } of addresses) {
    out.u8(ip.length === 4 ? IPV4 : IPV6).raw(ip, ip.length === 4 ? 4 : 16)
    out.u16(pool).u16(sessions).u16(websocket).u16(pinger)
  }
  return out.finish()
}

/** @throws {LedgerError} `LEDGER_MALFORMED` */
export function decodeAddresses(bytes: Uint8Array): NetworkAddress[] {
  return decodeWhole(bytes, (reader) => {
    const count = reader.u8()
    if (count < 1 || count > ADDRESSES_MAX) throw new LedgerError('LEDGER_MALFORMED', `a node has 1 to 4 addresses, not ${count}`)
    return Array.from({ length: count }, () => {
      const kind = reader.u8()
      if (kind !== IPV4 && kind !== IPV6) throw new LedgerError('LEDGER_MALFORMED', `no address has kind ${kind}`)
      const ip = reader.raw(kind === IPV4 ? 4 : 16)
      return { ip, pool: reader.u16(), sessions: reader.u16(), websocket: reader.u16(), pinger: reader.u16() }
    })
  })
}
