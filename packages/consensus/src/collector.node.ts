/** How V8 collects in a process that runs a validator, or hands on bytes as one does. */
import { setFlagsFromString } from 'node:v8'

export interface CollectorOptions {
  /**
   * Threads of this process check signatures, and fill the cores when there are many: V8's helpers would have to wait for a turn in each
   * collection of young objects, and the thread of consensus for them (`docs/decisions/0019`). @default false
   */
  readonly checksSignatures?: boolean
}

/**
 * Nearly all of a validator's memory is bytes outside of V8's heap: frames, batches, records. V8 by itself collects the whole heap each time
 * 64 MiB of such bytes were made since the last time, three times a second under load, to free what is a few megabytes of objects. With these
 * flags they count like the heap itself (a whole collection follows when both have grown by a fifth), and the young generation stays small, so that what
 * lived for one round is freed soon.
 *
 * @remarks Of the whole process, and for good: call it once, first, where a process runs a validator or serves content, and does little else. `docs/decisions/0015` has
 * what it saves a validator, 0028 a node that serves.
 */
export function tuneCollector({ checksSignatures = false }: CollectorOptions = {}): void {
  setFlagsFromString('--external-memory-accounted-in-global-limit')
  setFlagsFromString('--heap-growing-percent=20')
  setFlagsFromString('--semi-space-growth-factor=1')
  if (checksSignatures) setFlagsFromString('--no-parallel-scavenge')
}
