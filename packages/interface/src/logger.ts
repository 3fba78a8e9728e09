/** One line an event: a stable name and its data. The owner of an error logs it, once. */
export interface Logger {
  debug(event: string, data?: Readonly<Record<string, unknown>>): void
  info(event: string, data?: Readonly<Record<string, unknown>>): void
  warn(event: string, data?: Readonly<Record<string, unknown>>): void
  error(event: string, data?: Readonly<Record<string, unknown>>): void
}
