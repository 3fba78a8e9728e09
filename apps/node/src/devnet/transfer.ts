/**
 * The devnet's transaction: an amount from one account to another. Nobody signs it: what is shown here is order, not ownership.
 *
 *   id 16 | from u32 | to u32 | amount u32 | number u32      little endian
 *
 * `id` is random and makes two equal transfers two; `number` is one more than that of the sender's transfer before.
 */
export const TRANSFER_BYTES = 32
const ID_BYTES = 16

export interface Transfer {
  readonly id: Uint8Array
  readonly from: number
  readonly to: number
  readonly amount: number
  readonly number: number
}

export function encodeTransfer({ id, from, to, amount, number }: Transfer): Uint8Array {
  const bytes = new Uint8Array(TRANSFER_BYTES)
  const view = new DataView(bytes.buffer)
  bytes.set(id)
  for (const [i, value] of [from, to, amount, number].entries()) view.setUint32(ID_BYTES + 4 * i, value, true)
  return bytes
}

/** `undefined` for what is no transfer: whatever is ordered, execution goes on. */
export function decodeTransfer(bytes: Uint8Array): Transfer | undefined {
  if (bytes.length !== TRANSFER_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const [from, to, amount, number] = [0, 4, 8, 12].map((at) => view.getUint32(ID_BYTES + at, true)) as [number, number, number, number]
  return { id: new Uint8Array(bytes.subarray(0, ID_BYTES)), from, to, amount, number }
}
