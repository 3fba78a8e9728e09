/**
 * Contracts that have more than one owner or implementation. Types only, additive only: this package has no code that runs.
 * Packages that stand alone declare the same shapes in their own `ports.ts` and hold by a test that they fit.
 */
export type * from './blockstore.ts'
export type * from './clock.ts'
export type * from './content-source.ts'
export type * from './ids.ts'
export type * from './logger.ts'
export type * from './membership-view.ts'
export type * from './origin.ts'
export type * from './startable.ts'
export type * from './verified-block.ts'
