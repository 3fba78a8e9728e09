/** Where there is no socket to look at: the platform's fetch, whose own address policy holds. */
import type { AddressPolicy } from './address-policy.ts'
import type { FetchPort } from './ports.ts'

export interface PlatformFetch {
  readonly fetch: FetchPort
  /** Ends idle connections. */
  stop(): void
}

export function createPlatformFetch(_policy: AddressPolicy, _connectMs: number): PlatformFetch {
  return { fetch: (url, init) => globalThis.fetch(url, init), stop: () => undefined }
}
