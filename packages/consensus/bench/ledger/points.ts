/** Single windows of named subjects at named rates, to see what a change does: no sweep, no repeats, no goals; with counters of validator 0. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Measured, measureAt } from './measure.ts'
import { onFreshCluster, type Scratch, type Times } from './sweep.ts'
import { startEtcd } from './etcd-cluster.ts'
import { SIGNATURES } from './signed-transactions.ts'
import { startValidators, type ValidatorCluster } from './validators.ts'

export interface PointsPlan {
  readonly subjects: readonly string[]
  readonly rates: readonly number[]
  readonly times: Times
  /** Where CPU profiles of the validators go. */
  readonly profile: string | undefined
}

const MODES: Readonly<Record<string, 'certified' | 'uncertified'>> = {
  bullshark: 'certified',
  mysticeti: 'uncertified',
  ed25519: 'certified',
  secp256k1: 'certified',
}
export const SUBJECTS: readonly string[] = [...Object.keys(MODES), 'etcd']

export async function measurePoints(
  { subjects, rates, times, profile }: PointsPlan,
  scratch: Scratch,
  say: (line: string) => void,
): Promise<void> {
  if (profile !== undefined) mkdirSync(profile, { recursive: true })
  const nodeFlags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
  for (const subject of subjects) {
    const mode = MODES[subject]
    const signatures = SIGNATURES.find((kind) => kind === subject)
    for (const rate of rates) {
      const folder = join(scratch.folder, subject)
      rmSync(folder, { recursive: true, force: true })
      const measured =
        mode === undefined
          ? await onFreshCluster({ start: startEtcd }, folder, (cluster) =>
              measureAt(cluster, rate, times.warmUpSeconds, times.windowSeconds),
            )
          : await onFreshCluster({ start: (at) => startValidators(at, { mode, signatures, nodeFlags }) }, folder, (cluster) =>
              measureCounted(cluster, rate, times, say),
            )
      scratch.onMeasured(subject, measured)
    }
  }
}

async function measureCounted(cluster: ValidatorCluster, rate: number, times: Times, say: (line: string) => void): Promise<Measured> {
  const measured = await measureAt(cluster, rate, times.warmUpSeconds, times.windowSeconds)
  const { round, index, counts } = await cluster.status(0)
  const seconds = times.warmUpSeconds + times.windowSeconds
  say(`${Math.round(round / seconds)} rounds/s, ${Math.round(index / seconds)} blocks/s; ${JSON.stringify(counts)}`)
  return measured
}
