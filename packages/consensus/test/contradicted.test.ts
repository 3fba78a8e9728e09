/** What the order finds again after a restart is what it recorded before: otherwise nothing more is handed to the executor. */
import { expect, test } from 'vitest'
import { createCertifiedCore } from '../src/core/certified-core.ts'
import { readSubDagRecord, subDagRecord } from '../src/core/sub-dag-record.ts'
import { createUncertifiedCore } from '../src/core/uncertified.ts'
import { Cluster } from './support/cluster.ts'
import { feed } from './support/load.ts'

const CORE = { batchDelayMsMax: 10, idleDelayMsMax: 40, roundDelayMsMin: 5, leaderTimeoutMsMin: 30, leaderTimeoutMsMax: 100 }

test.each([
  ['certified', createCertifiedCore],
  ['uncertified', createUncertifiedCore],
] as const)('a record that the order contradicts stops a member for good, %s', (mode, createCore) => {
  for (const isChanged of [false, true]) {
    const cluster = new Cluster({ size: 4, mode, seed: 3, createCore, core: CORE })
    cluster.start()
    feed(cluster, { everyMs: 12, forMs: 400 })
    const [node] = cluster.nodes
    expect(cluster.run(4_000, () => node!.executed.length > 20)).toBe(true)
    cluster.crash(0)
    const { length } = node!.executed
    const last = readSubDagRecord(node!.records, length)! // above the last state of the order, so that it is found again
    const timestampMs = last.subDag.timestampMs + 1
    if (isChanged) node!.records.write([subDagRecord({ ...last, subDag: { ...last.subDag, timestampMs } })])
    cluster.restart(0)
    cluster.run(1_000)
    expect(node!.halts).toEqual(isChanged ? ['recorded sub-DAG differs'] : [])
    expect(node!.executed.length > length).toBe(!isChanged)
  }
})
