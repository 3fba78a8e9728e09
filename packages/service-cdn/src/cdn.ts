/**
 * Verified content by CID or BLAKE3 root. It decides what is served and what is worth keeping; the bytes never come here.
 *
 * What an address names never changes, so the address is the validator: a client that holds the content asks only whether it is still served.
 */
import { type Address, createService, type Service, type ServiceAnswer } from '@selvedge/sdk'
import { answerPin } from './pin-order.ts'
import { RecentRequests } from './recent-requests.ts'

export interface CdnOptions {
  /**
   * What the node has to fetch is kept from the second request within so many milliseconds on; of a walk over a million contents that each
   * are asked for once nothing stays but where there is room for it. @default 600,000
   */
  readonly windowMs?: number
  /** Requests that are remembered; then the oldest is forgotten. @default 65,536 */
  readonly rememberedMax?: number
  /** Any clock that does not go back. @default performance.now */
  readonly nowMs?: () => number
}

const KEY_BYTES = 32
const oneCharacterAByte = new TextDecoder('latin1')
const NOT_FOUND: ServiceAnswer = { status: 404 }
const NOT_MODIFIED: ServiceAnswer = { status: 304 }

/** The content service, for a host of `@selvedge/sdk` to run. @throws {RangeError} where a bound is no positive number. */
export function createCdn(options: CdnOptions = {}): Service {
  const { windowMs = 600_000, rememberedMax = 65_536, nowMs = () => performance.now() } = options
  if (!(windowMs > 0)) throw new RangeError(`windowMs must be above 0, got ${windowMs}`)
  if (!(Number.isSafeInteger(rememberedMax) && rememberedMax > 0))
    throw new RangeError(`rememberedMax must be above 0, got ${rememberedMax}`)
  const recent = new RecentRequests(windowMs, rememberedMax)
  const service = createService({ name: 'cdn' })
  service.onWorth((addresses) => addresses.map((address) => recent.worthOf(keyOf(address))))
  service.onContent(async (request, context) => {
    const { method, address, ranges, scope, ifNoneMatch, pin } = request
    const { content } = context
    if (pin) return await answerPin(request, context) // who pays to have it kept says nothing of how many want it
    if (ifNoneMatch && (await content.stat(address)).state === 'complete') return NOT_MODIFIED
    const isRead = method === 'GET' && !ifNoneMatch
    const keep = isRead && recent.note(keyOf(address), nowMs())
    const opened = await content.open(address, { ranges, scope, keep })
    if (opened === undefined) return NOT_FOUND
    return ifNoneMatch ? NOT_MODIFIED : { handle: opened.handle }
  })
  return service
}

/** The digest, or what there is of one: CIDs that differ in their codec only are one content here. */
const keyOf = ({ bytes }: Address): string => oneCharacterAByte.decode(bytes.subarray(-KEY_BYTES))
