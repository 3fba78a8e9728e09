import type { Handle } from './handle.ts'
import type { ContentFacts, ContentStat, LogPort, Session } from './ports.ts'

/** What the node lends to a service. `Opened` is whatever the node streams from. */
export interface HostPorts<Opened> {
  /** `session`: whose pins are meant. */
  stat(address: Handle['address'], session: Session, signal: AbortSignal): Promise<ContentStat>
  /** Undefined where it is not to be had. `keep`: whether to keep what has to be fetched. */
  open(handle: Handle, keep: boolean, signal: AbortSignal): Promise<{ readonly opened: Opened; readonly facts: ContentFacts } | undefined>
  close(opened: Opened): Promise<void>
  readonly log: LogPort
  /** Any clock that does not go back, in milliseconds and as fine as there is: it measures out the log, and what a service runs. */
  readonly nowMs: () => number
}
