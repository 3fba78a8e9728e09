import type { Handle } from './handle.ts'
import type { ContentFacts, ContentPort, LogPort } from './ports.ts'

/** What the node lends to a service. `Opened` is whatever the node streams from. */
export interface HostPorts<Opened> {
  stat(address: Handle['address'], signal: AbortSignal): ReturnType<ContentPort['stat']>
  /** Undefined where it is not to be had. `keep`: whether to keep what has to be fetched. */
  open(handle: Handle, keep: boolean, signal: AbortSignal): Promise<{ readonly opened: Opened; readonly facts: ContentFacts } | undefined>
  close(opened: Opened): Promise<void>
  readonly log: LogPort
  /** Any clock that does not go back; it measures out the log. */
  readonly nowMs: () => number
}
