/**
 * Encrypted, authenticated sessions from a client to a node, with independent flow-controlled lanes (sessions.md).
 *
 * This entry is the client's end and everything that has no I/O: it runs in browsers, over a carrier that is given. Under Node.js
 * `connectSession` also dials TLS; the node's end is `@selvedge/handshake/tls`. Sessions that others join are `@selvedge/handshake/sharing`.
 */
export type { Carrier, CarrierEvents } from './carrier.ts'
export { CODES, nameOfCode } from './codes.ts'
export type { Session } from './client-session.ts'
export { GUEST_LANES_MAX, PAYING_LANES_MAX } from './constants.ts'
export type { ConnectCommonOptions, ConnectOptions, OpenLaneOptions, SessionTarget } from './connect-options.ts'
export { type Goaway, HandshakeError, type HandshakeErrorCode } from './errors.ts'
export type { Welcome } from './greeting.ts'
export type { Lane, WriteOptions } from './lane.ts'
export { type LaneListener, type LaneRequest, type NodeSession, type NodeSessionEvents, runNodeSession } from './node-session.ts'
export type {
  AckFrame,
  Admission,
  ClientLink,
  EpochFrame,
  LaneEnd,
  LaneOffset,
  MeterFrame,
  NodeLink,
  NodePayments,
  PayingHello,
  PayingSession,
  PriceFrame,
  SessionMeter,
  SessionPayer,
  TickFrame,
  WindowFrame,
} from './paying.ts'
export { connectSession } from './session.ts'
