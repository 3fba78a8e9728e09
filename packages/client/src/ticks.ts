/**
 * Ticks for a client that pays: in the middle of a response it shows one more element of a hash chain, which says "64 KiB more", where it would sign. To be
 * handed to `createClient`, so that who has no use for them does not load them.
 */
import { createTicks as createTicksOf, type Ticks } from '@selvedge/delivery-acknowledgement/client'
import { ClientError } from './errors.ts'

export type { Ticks } from '@selvedge/delivery-acknowledgement/client'

export interface TicksOptions {
  /**
   * Elements of a hash chain, 2 to 65,536: 64 KiB each, made at once when the first is near, one for each node and epoch. What comes behind the last is signed for.
   * @default 4,096: 256 MiB, which are made in a few milliseconds
   */
  readonly length?: number | undefined
}

const LENGTH = 4_096
const LENGTH_MAX = 65_536
const SECRET_BYTES = 32

/**
 * For `ClientOptions.ticks`.
 * @throws {ClientError} `CLIENT_BAD_ARGUMENT`
 * @example const client = createClient({ nodes, account, ticks: createTicks() })
 */
export function createTicks({ length = LENGTH }: TicksOptions = {}): Ticks {
  if (!(Number.isInteger(length) && length > 1 && length <= LENGTH_MAX))
    throw new ClientError('CLIENT_BAD_ARGUMENT', `a hash chain has 2 to ${LENGTH_MAX} elements, not ${length}`)
  return createTicksOf({ secret: () => crypto.getRandomValues(new Uint8Array(SECRET_BYTES)), length })
}
