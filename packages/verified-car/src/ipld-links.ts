/**
 * The links of dag-cbor and dag-json blocks, in the order in which they stand. Values are not built: a scan needs no
 * recursion (a nesting bomb costs nothing) and keeps the order that JavaScript objects lose for keys that look like numbers.
 */
import { CID } from 'multiformats/cid'

const CID_TAG = 42

/** @throws {Error} where the block is not one well-formed dag-cbor item. */
export function dagCborLinks(block: Uint8Array): CID[] {
  const links: CID[] = []
  const view = new DataView(block.buffer, block.byteOffset, block.length)
  let position = 0
  let itemsLeft = 1
  while (itemsLeft > 0) {
    itemsLeft--
    const head = view.getUint8(position++)
    const major = head >> 5
    const [argument, size] = argumentOf(view, position, head & 0x1f, major)
    position += size
    if (major === 2 || major === 3) position += argument
    else if (major === 4) itemsLeft += argument
    else if (major === 5) itemsLeft += argument * 2
    else if (major === 6) {
      const [link, end] = taggedLink(view, block, position, argument)
      links.push(link)
      position = end
    }
    if (itemsLeft > block.length - position) throw new Error('dag-cbor: a collection is longer than its block')
  }
  if (position !== block.length) throw new Error('dag-cbor: bytes after the item')
  return links
}

/** Of the item whose first byte stands before `position`: its argument, and how many bytes that has. */
export function argumentOf(view: DataView, position: number, low: number, major: number): [value: number, size: number] {
  if (low < 24) return [low, 0]
  if (low === 24) return [view.getUint8(position), 1]
  if (low === 25) return [view.getUint16(position), 2]
  if (low === 26) return [view.getUint32(position), 4]
  if (low !== 27) throw new Error('dag-cbor: indefinite lengths are not allowed')
  const value = view.getBigUint64(position) // of a number or a float it does not matter here
  if (major > 1 && major < 7 && value > BigInt(view.byteLength)) throw new Error('dag-cbor: a length is beyond the block')
  return [Number(value), 8]
}

/** `42(h'00' ‖ CID)`, the only tag that dag-cbor has. */
function taggedLink(view: DataView, block: Uint8Array, start: number, tag: number): [link: CID, end: number] {
  const head = view.getUint8(start)
  if (tag !== CID_TAG || head >> 5 !== 2) throw new Error(`dag-cbor: tag ${tag} is not a link`)
  const [length, size] = argumentOf(view, start + 1, head & 0x1f, 2)
  const first = start + 1 + size
  if (length === 0 || first + length > block.length || block[first] !== 0) throw new Error('dag-cbor: a link does not hold a CID')
  return [CID.decode(block.subarray(first + 1, first + length)), first + length]
}

/** Links are `{"/": "<cid>"}`. @throws {Error} where the block is not JSON. */
export function dagJsonLinks(block: Uint8Array): CID[] {
  const links: CID[] = []
  const stack: unknown[] = [JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(block))]
  while (stack.length > 0) {
    const value = stack.pop()
    if (typeof value !== 'object' || value === null) continue
    const link = (value as Record<string, unknown>)['/']
    if (typeof link === 'string' && Object.keys(value).length === 1) links.push(CID.parse(link))
    else for (const item of Object.values(value).reverse()) stack.push(item)
  }
  return links
}
