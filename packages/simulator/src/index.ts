/** Virtual time, network model, faults, schedulers, trace hash. */
export * from './errors.ts'
