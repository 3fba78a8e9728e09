/**
 * One run of everything that chance decides: the flood (latency, jitter, loss, uplinks), machines with churn and disks, and the adversarial
 * scheduler. Returns the SHA-256 of all trace bytes, which must be equal in every runtime. Uses what every runtime has: the trace's hash
 * only gathers, and the platform hashes at the end.
 */
import {
  createAdversarialScheduler,
  createDisk,
  createNode,
  createRandom,
  createSimulator,
  type Hash,
  startChurn,
} from '@selvedge/simulator'
import { flood } from '../flood.ts'

const pieces: Uint8Array[] = []
const gather = (): Hash => ({ update: (bytes) => pieces.push(bytes.slice()), digest: () => new Uint8Array(0) })

function runMachines(seed: number): number {
  const sim = createSimulator(seed, { createHash: gather })
  const nodes = Array.from({ length: 30 }, (_, index) => {
    const disk = createDisk(sim, sim.stream('disk', index), { syncMsMin: 1, syncMsMax: 9 })
    const node = createNode(
      sim,
      index,
      (self) => {
        sim.trace.record(sim.now(), index, 'boot', disk.read('log')?.length ?? 0, self.random.u32())
        const write = (): void => {
          disk.append('log', new Uint8Array(1 + self.random.below(9)))
          disk.sync(() => sim.trace.record(sim.now(), index, 'synced', disk.bytesUsed))
          self.after(20 * self.random.next(), write)
        }
        write()
      },
      { disk },
      { driftPpm: index * 10, cpuMs: 0.3 },
    )
    return { crash: () => node.crash('torn'), restart: () => node.restart() }
  })
  startChurn(sim, sim.stream('churn'), nodes, { sessionMs: 300, absenceMs: 50 })
  sim.run(3_000)
  sim.trace.digest()
  return sim.trace.count
}

function runScheduler(seed: number): number {
  const sim = createSimulator(seed, { createHash: gather })
  const scheduler = createAdversarialScheduler<number>(createRandom(seed, 'schedule'), {
    receivers: 7,
    duplicateShare: 0.05,
    forgetShare: 0.05,
  })
  for (let i = 0; i < 5_000; i++) {
    scheduler.add(i % 7, (i * 3) % 7, i)
    const delivery = scheduler.next()
    if (delivery !== undefined) sim.trace.record(i, delivery.receiver, 'picked', delivery.item, delivery.author)
  }
  sim.trace.digest()
  return sim.trace.count
}

export default async function run(): Promise<{ readonly digest: string; readonly entries: readonly number[]; readonly sent: number }> {
  pieces.length = 0
  const { sent } = flood(42, 1_000, gather)
  const entries = [runMachines(42), runScheduler(42)]
  const bytes = new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer())
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return { digest: [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join(''), entries, sent }
}
