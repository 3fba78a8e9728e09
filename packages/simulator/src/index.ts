/** Virtual time, network model, faults, schedulers, trace hash. */
export { type AdversarialOptions, type AdversarialScheduler, createAdversarialScheduler } from './adversarial.ts'
export type { Delivery, Pick, Scheduler } from './adversarial.ts'
export { createEngine, type Engine, type EngineOptions, type EventKind, type TimerId } from './engine.ts'
export { SimulatorError, type SimulatorErrorCode } from './errors.ts'
export { createRandom, type Random } from './random.ts'
