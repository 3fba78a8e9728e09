/** A session of a guest between two ends in memory. */
import { createNodeGreeter } from '../src/greeter.ts'
import { connectSession, type ConnectCommonOptions, type LaneListener, runNodeSession, type Session } from '../src/index.ts'
import { BINDING, CHAIN, CLOCK, NODE } from './cores.ts'
import { createMemoryPair, type MemoryCarrier } from './memory-carrier.ts'

export interface MemorySession {
  readonly session: Session
  readonly clientCarrier: MemoryCarrier
  readonly nodeCarrier: MemoryCarrier
}

export async function join(onLane: LaneListener, options: Partial<ConnectCommonOptions> = {}, maxLanes = 4): Promise<MemorySession> {
  const [clientCarrier, nodeCarrier] = createMemoryPair()
  runNode(nodeCarrier, onLane, maxLanes)
  const session = await connectSession({ carrier: clientCarrier, nodeKey: NODE.publicKey, chainId: CHAIN, ...options })
  return { session, clientCarrier, nodeCarrier }
}

export function runNode(carrier: MemoryCarrier, onLane: LaneListener, maxLanes = 4): void {
  const greeter = createNodeGreeter({
    identity: NODE,
    chainId: CHAIN,
    channelBinding: BINDING,
    maxLanes,
    rand: new Uint8Array(16),
    resumeToken: new Uint8Array(32),
    laneNonce: 0n,
    nodeTimeMs: 0n,
    nodeIndex: 0,
    epoch: 0n,
    priceVersion: 0,
  })
  const events = { onLane, onGreeted() {}, onOver() {} }
  runNodeSession(carrier, { role: 'node', greeter, clock: CLOCK, maxLanes }, events, () => performance.now())
}
