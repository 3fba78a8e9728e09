/**
 * The body of a CAR answer. Status and headers wait until the first leaf has come, so that what is missing near the top
 * is still an honest 404; after that an error fails the stream, which resets the connection. A short body never ends cleanly.
 */
import type { BlockPort } from '@selvedge/verified-car'

const RAW = 0x55
/** Pieces held back while the first leaf is awaited: a few nodes and it, in ordinary DAGs. */
const HELD_PARTS_MAX = 8
/** While less than this is held, the next piece is awaited too: a small answer is then known whole, and goes out in one piece. */
const HELD_BYTES_MIN: number = 16 * 1024

/** Tells when a leaf was read. */
export function watchLeaves(blocks: BlockPort): { port: BlockPort; sawLeaf: () => boolean } {
  let sawLeaf = false
  const port: BlockPort = {
    async get(cid, options) {
      const block = await blocks.get(cid, options)
      sawLeaf ||= cid.code === RAW
      return block
    },
  }
  return { port, sawLeaf: () => sawLeaf }
}

/** All of the body where it is small, else a stream of it. @throws what `parts` throws before the first leaf has come. */
export async function openBody(
  parts: AsyncIterator<Uint8Array>,
  isReady: () => boolean,
  onCancel: () => void,
): Promise<ReadableStream<Uint8Array> | Uint8Array> {
  const held: Uint8Array[] = []
  let heldBytes = 0
  let isDone = false
  while (!isDone && held.length < HELD_PARTS_MAX && !(isReady() && held.length > 1 && heldBytes >= HELD_BYTES_MIN)) {
    const { done, value } = await parts.next()
    if (done === true) isDone = true
    else heldBytes += held[held.push(value) - 1]!.length
  }
  if (isDone) return joined(held, heldBytes)
  const source: UnderlyingDefaultSource<Uint8Array> = {
    async pull(controller) {
      const first = held.shift()
      if (first !== undefined) return controller.enqueue(first)
      const step = await parts.next() // what it throws fails the stream
      if (step.done === true) controller.close()
      else controller.enqueue(step.value)
    },
    async cancel() {
      onCancel()
      await parts.return?.(undefined).catch(() => undefined)
    },
  }
  return new ReadableStream(source, { highWaterMark: 0 }) // the reader's pace is the store's
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const out = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}
