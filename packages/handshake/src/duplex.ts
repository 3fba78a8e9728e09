/** Sessions over whatever stream of bytes there is. */
export { createDuplexCarrier, type Duplex, type DuplexKeys, type DuplexOptions } from './carriers/duplex-carrier.ts'
