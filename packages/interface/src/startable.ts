/** `stop` may be called twice and at any moment: it ends what runs, waits for it, and nothing happens after it. */
export interface Startable {
  start(): Promise<void> | void
  stop(): Promise<void> | void
}
