/**
 * A seeded world for protocols: virtual time, network, disks, machines and liars, of which a seed decides everything.
 *
 * Begin with `createSimulator(seed)` for what takes time, or `createAdversarialScheduler` for every order of deliveries without time.
 */
export { type AdversarialOptions, type AdversarialScheduler, createAdversarialScheduler } from './adversarial.ts'
export { altering, byzantine, delaying, dropping, equivocating, inventing, replaying } from './byzantine.ts'
export type { ByzantineFault, ByzantineWorld, FaultContext, FaultTiming, Fork } from './byzantine.ts'
export { type ChurnOptions, type ChurnWorld, startChurn } from './churn.ts'
export { createDisk, type Disk, type DiskOptions, type DiskWorld, type Loss } from './disk.ts'
export { createEngine, type Engine, type EngineOptions, type EventKind, type TimerId } from './engine.ts'
export { SimulatorError, type SimulatorErrorCode } from './errors.ts'
export { exactExp, exactLn, logNormal, normal, weibull } from './exact-math.ts'
export { createFaultPlan, type FaultDecision, type FaultPlan, type FaultPlanOptions } from './fault-plan.ts'
export { evenLatency, fixedLatency, type Latency, matrixLatency, syntheticRegions, withJitter, zipfRegions } from './latency.ts'
export { createNetwork } from './network.ts'
export type { Intercept, LinkOptions, Network, NetworkCounts, NetworkOptions, NetworkWorld, Outgoing } from './network-contract.ts'
export { createNode, type NodeComponents, type NodeOptions, type NodeWorld, type SimulatedNode } from './node.ts'
export { createRandom, type Random } from './random.ts'
export { createScriptedScheduler, type Delivery, type DeliveryId, type Scheduler } from './scheduler.ts'
export { forEachSeed, type KeptSeed, keptSeeds, type SeedEnvironment, type SeedRange, seedRange, type SeedRuns } from './seeds.ts'
export { shrink, type Shrunk, type ShrinkOptions } from './shrink.ts'
export { createSimulator, type Link, type Simulator, type SimulatorOptions } from './simulator.ts'
export { createTrace, type Hash, type Trace, type TraceEntry, type TraceOptions } from './trace.ts'
export { setTraps, type TrapOptions, type Traps, withTraps } from './traps.ts'
