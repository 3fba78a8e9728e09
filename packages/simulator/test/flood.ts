/** A gossip flood over a random graph: what the simulator is measured with at 100,000 nodes, and held to at fewer. */
import {
  createNetwork,
  createRandom,
  createSimulator,
  type Hash,
  matrixLatency,
  syntheticRegions,
  withJitter,
  zipfRegions,
} from '@selvedge/simulator'

export interface Flood {
  readonly reached: number
  readonly sent: number
  readonly lastMs: number
  readonly digest: string
}

const DEGREE = 8
const MESSAGE = { id: 1 } // one object for all: large runs pass references

/** Sends one message from node 0 to whom it can reach. Each node passes it on once, to its `DEGREE` neighbours. */
export function flood(seed: number, nodes: number, createHash?: () => Hash): Flood {
  const sim = createSimulator(seed, createHash === undefined ? {} : { createHash })
  const graph = createRandom(seed, 'graph')
  const neighbours = new Int32Array(nodes * DEGREE)
  for (let i = 0; i < neighbours.length; i++) neighbours[i] = i % DEGREE === 0 ? (i / DEGREE + 1) % nodes : graph.below(nodes)
  const heard = new Uint8Array(nodes)
  let reached = 0
  let lastMs = 0
  const regions = 32
  const latency = withJitter(matrixLatency(syntheticRegions(regions), zipfRegions(nodes, regions, createRandom(seed, 'place'))), 0.2)
  const hear = (node: number): void => {
    if (heard[node] === 1) return
    heard[node] = 1
    reached += 1
    lastMs = sim.now()
    for (let i = 0; i < DEGREE; i++) network.send(node, neighbours[node * DEGREE + i]!, MESSAGE, 200)
  }
  const network = createNetwork<typeof MESSAGE>(sim, hear, { nodes, latency, lossShare: 0.01, uplinkBytesPerSecond: 1_250_000 })
  hear(0)
  while (sim.step());
  return { reached, sent: network.counts.sent, lastMs, digest: sim.trace.digest() }
}
