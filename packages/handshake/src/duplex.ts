/** Sessions over whatever stream of bytes there is. */
export type { Duplex } from './carriers/duplex-carrier.ts'
