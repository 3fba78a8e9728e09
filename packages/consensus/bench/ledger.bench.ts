// What `pnpm bench` shows of the ledger's rows in ten minutes; the full sweep with its faults is `pnpm bench:ledger`.
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Bench, Prepared } from '../../../tools/bench/bench.ts'
import type { Cluster } from './ledger/cluster.ts'
import { ETCD_MISSING, etcdVersion, startEtcd } from './ledger/etcd-cluster.ts'
import { type Measured, measureAt } from './ledger/measure.ts'
import { isHeld, onFreshCluster } from './ledger/sweep.ts'
import { startValidators } from './ledger/validators.ts'

const WARM_UP_SECONDS = 2
const WINDOW_SECONDS = 5
const SAMPLES = 3
const LATENCY_RATE = 10_000
const TOP = resolve(import.meta.dirname, '../../..')

type Start = (folder: string) => Promise<Cluster>

const bullshark: Start = (folder) => startValidators(folder, { mode: 'certified' })
const mysticeti: Start = (folder) => startValidators(folder, { mode: 'uncertified' })

async function measure(start: Start, perSecond: number): Promise<Measured> {
  const folder = join(TOP, '.selvedge', `bench-${process.pid}`)
  rmSync(folder, { recursive: true, force: true })
  return await onFreshCluster({ start }, folder, (cluster) => measureAt(cluster, perSecond, WARM_UP_SECONDS, WINDOW_SECONDS))
}

/** Committed a second at the highest of `rates` that is held (p99 below 1 s, 97 % of what is offered). */
const held = (start: Start, rates: readonly number[]) => (): Prepared => ({
  figure: async () => {
    let most = 0
    for (const rate of rates) {
      const measured = await measure(start, rate)
      if (!isHeld(measured)) break
      most = measured.committedPerSecond
    }
    return most
  },
})

const p50 = (start: Start) => (): Prepared => ({
  figure: async () => {
    const { p50Ms } = await measure(start, LATENCY_RATE)
    if (!Number.isFinite(p50Ms))
      throw new Error(`less than half of ${LATENCY_RATE}/s was committed at all: this machine is busy with something else`)
    return p50Ms
  },
})

const version = etcdVersion()

export const benches: readonly Bench[] = [
  {
    name: 'transactions of 512 B held by 4 validators over TLS, Bullshark',
    unit: '/s',
    subjects: {
      ours: held(bullshark, [10_000, 20_000, 30_000, 40_000, 45_000, 50_000, 60_000, 70_000, 80_000]),
      ...(version === undefined ? {} : { etcd: held(startEtcd, [1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 7_000, 8_000, 10_000]) }),
    },
    goals: { etcd: 10 },
    samples: SAMPLES,
    note:
      version === undefined
        ? ETCD_MISSING
        : `etcd ${version} of the distribution: 3 nodes, no TLS, fsync on, puts of 512 B over gRPC; it tolerates crashes, not lies. The highest rate of a ladder whose p99 stays below 1 s.`,
  },
  {
    name: `half of ${LATENCY_RATE.toLocaleString('en-US')}/s committed within, Mysticeti-C`,
    unit: 'ms',
    subjects: { ours: p50(mysticeti), bullshark: p50(bullshark) },
    goals: { bullshark: 2 },
    samples: SAMPLES,
    note: 'the other mode of this package at the same rate; from when a transaction was due to when it is final where it was submitted.',
  },
]
