/**
 * Others read with what a client pays: another tab, a worker, another process. They verify, and tell the client, which alone signs. Both ends; to be handed to
 * `createClient`, so that who shares nothing does not load it.
 */
export { type Access, type ClientSharing, createSharing, type Share, type ShareOptions } from './client-sharing.ts'
export { joining, type JoiningOptions } from './joining.ts'
export type { HolderReport } from '@selvedge/handshake/sharing'
