/** Checkpoints, joining late, catching up. */
export * from './errors.ts'
