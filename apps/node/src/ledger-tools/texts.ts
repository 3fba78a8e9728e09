/** Values of the ledger as people type them. */
import type { NetworkAddress } from '@selvedge/ledger-types'
import { NodeError } from '../errors.ts'

const MICRO_DIGITS = 6

/** 20 bytes behind `0x`. */
export function addressIn(option: string, text: string): Uint8Array {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) throw usage(option, text, 'an address of 40 hex digits behind 0x')
  return new Uint8Array(Buffer.from(text.slice(2), 'hex'))
}

/** Whole tokens with up to six decimals, as micro-units. */
export function tokensIn(option: string, text: string): bigint {
  const match = /^(\d{1,13})(?:\.(\d{1,6}))?$/.exec(text)
  if (match === null) throw usage(option, text, 'an amount in tokens, such as 2000 or 0.5')
  return BigInt(match[1]! + (match[2] ?? '').padEnd(MICRO_DIGITS, '0'))
}

/** Micro-units as whole tokens with what decimals there are. */
export function tokensText(micro: bigint): string {
  const [whole, rest] = [micro / 10n ** BigInt(MICRO_DIGITS), micro % 10n ** BigInt(MICRO_DIGITS)]
  return rest === 0n ? String(whole) : `${whole}.${String(rest).padStart(MICRO_DIGITS, '0').replace(/0+$/, '')}`
}

export function integerIn(option: string, text: string, max: bigint): bigint {
  if (!/^\d{1,20}$/.test(text) || BigInt(text) > max) throw usage(option, text, `a whole number up to ${max}`)
  return BigInt(text)
}

/** Unix milliseconds, or a date with its time zone: the same on every machine. */
export function timeIn(option: string, text: string): number {
  const isDate = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text)
  const timeMs = /^\d{1,15}$/.test(text) ? Number(text) : isDate ? Date.parse(text) : Number.NaN
  if (!Number.isSafeInteger(timeMs)) throw usage(option, text, 'a time such as 2027-01-01T00:00:00Z, or Unix milliseconds')
  return timeMs
}

/** `192.0.2.1:4434` or `192.0.2.1:4434,4433`: ports of order, and of content sessions. */
export function ipAddressIn(option: string, text: string): NetworkAddress {
  const match = /^(\d{1,3}(?:\.\d{1,3}){3}):(\d{1,5})(?:,(\d{1,5}))?$/.exec(text)
  const ip = match?.[1]!.split('.').map(Number) ?? []
  const [pool, sessions] = [Number(match?.[2] ?? Number.NaN), Number(match?.[3] ?? 0)]
  const isGood = ip.length === 4 && ip.every((byte) => byte <= 255) && pool <= 65_535 && sessions <= 65_535
  if (!isGood) throw usage(option, text, 'IPv4:PORT of the order, or IPv4:PORT,PORT with that of content sessions')
  return { ip: Uint8Array.from(ip), pool, sessions, websocket: 0, pinger: 0 }
}

export function rootIn(option: string, text: string): Uint8Array {
  if (!/^[0-9a-fA-F]{64}$/.test(text)) throw usage(option, text, 'a root of 64 hex digits')
  return new Uint8Array(Buffer.from(text, 'hex'))
}

function usage(option: string, text: string, wanted: string): NodeError {
  return new NodeError('NODE_USAGE', `${option}: "${text.slice(0, 80)}" is not ${wanted}`)
}
