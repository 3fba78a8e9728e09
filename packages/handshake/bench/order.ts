/** What a client of these benches asks a node for: so many bytes, in writes of such a size. 8 bytes, u32 little endian each. */
import type { LaneRequest } from '@selvedge/handshake'

export interface Order {
  readonly totalBytes: number
  readonly writeBytes: number
}

export function encodeOrder({ totalBytes, writeBytes }: Order): Uint8Array {
  const out = new Uint8Array(8)
  const view = new DataView(out.buffer)
  view.setUint32(0, totalBytes, true)
  view.setUint32(4, writeBytes, true)
  return out
}

export function decodeOrder(bytes: Uint8Array): Order {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return { totalBytes: view.getUint32(0, true), writeBytes: view.getUint32(4, true) }
}

/** Sends what the metadata orders, and ends the lane. */
export async function sendLane(request: LaneRequest): Promise<void> {
  const { totalBytes, writeBytes } = decodeOrder(request.metadata)
  const lane = request.accept(new Uint8Array())
  const piece = new Uint8Array(writeBytes)
  for (let sent = 0; sent < totalBytes; sent += writeBytes) await lane.write(piece)
  await lane.end()
}
