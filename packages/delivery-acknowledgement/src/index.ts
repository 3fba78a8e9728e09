/** Acknowledgement, window, claim, challenge, evidence. */
export * from './errors.ts'
