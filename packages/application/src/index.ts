/** The state machine. */
export * from './errors.ts'
