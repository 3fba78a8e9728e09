/** The author's end of a service. Importing or making one does nothing; whoever runs it calls its handler. */
import type { Address } from './address.ts'
import type { ServiceAnswer } from './answer.ts'
import { NAME_BYTES_MAX } from './constants.ts'
import { malformed } from './errors.ts'
import type { ServiceContext, ServiceRequest } from './ports.ts'

/**
 * Answers one request for content. The handle must be one that `content.open` gave for this request, of its address and ranges. What it throws
 * ends the lane with code 10; the text of it goes to the node's log and not to the client.
 */
export type ContentHandler = (request: ServiceRequest, context: ServiceContext) => ServiceAnswer | Promise<ServiceAnswer>

/**
 * How much each of these contents is worth keeping, as numbers from 0, one for each in their order: when the node needs room, what is worth least goes
 * first. The node asks of what it holds, at most 1,024 at once; nothing of it is a promise.
 */
export type WorthHandler = (addresses: readonly Address[]) => readonly number[] | Promise<readonly number[]>

export interface Service {
  readonly name: string
  /** Sets the handler; the last one set counts. */
  onContent(handler: ContentHandler): void
  /** The handler that was set. Without one every request is answered with 501. */
  readonly contentHandler: ContentHandler
  /** Sets the handler; the last one set counts. */
  onWorth(handler: WorthHandler): void
  /** The handler that was set. Without one all is worth 0. */
  readonly worthHandler: WorthHandler
}

/** @throws {SdkError} `SDK_MALFORMED` unless `name` is 1 to 255 bytes. */
export function createService({ name }: { readonly name: string }): Service {
  const nameBytes = new TextEncoder().encode(name).length
  if (nameBytes === 0 || nameBytes > NAME_BYTES_MAX) throw malformed(`a name must be 1 to ${NAME_BYTES_MAX} bytes, got ${nameBytes}`)
  let handler: ContentHandler = () => ({ status: 501 })
  let valuing: WorthHandler = (addresses) => addresses.map(() => 0)
  return {
    name,
    onContent(given) {
      handler = given
    },
    get contentHandler() {
      return handler
    },
    onWorth(given) {
      valuing = given
    },
    get worthHandler() {
      return valuing
    },
  }
}
