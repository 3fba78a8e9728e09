import { describe, expect, test } from 'vitest'
import { createCertifiedCore } from '../src/core/certified-core.ts'
import { Cluster, type ClusterOptions } from './support/cluster.ts'

const FAST = { batchDelayMsMax: 5, idleDelayMsMax: 40, roundDelayMsMin: 5 }

function createCluster(options: Partial<ClusterOptions> = {}): Cluster {
  return new Cluster({ size: 4, mode: 'certified', seed: 1, createCore: createCertifiedCore, core: FAST, ...options })
}

describe.each([4, 7])('%i certified cores in memory', (size) => {
  test('commit, and all logs are equal', () => {
    const cluster = createCluster({ size }).start()
    cluster.run(3_000)
    const lengths = cluster.nodes.map(({ executed }) => executed.length)
    expect(Math.min(...lengths)).toBeGreaterThan(20)
    const shortest = Math.min(...lengths)
    const first = cluster.logOf(0).slice(0, shortest)
    for (const { authority } of cluster.nodes) expect(cluster.logOf(authority).slice(0, shortest)).toEqual(first)
  })
})
