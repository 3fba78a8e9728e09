/**
 * A network that can be cut: connections to whoever is out of reach are ended, and refused until the cut is healed. What is cut is the
 * real transport below; nothing is pretended above it.
 */
import type { Network } from '@selvedge/consensus'

export interface SwitchedNetwork extends Network {
  /** Who can be reached; `undefined` is everybody. */
  reach(peers: ReadonlySet<string> | undefined): void
}

export function createSwitchedNetwork(network: Network): SwitchedNetwork {
  let wanted: readonly string[] = []
  let reachable: ReadonlySet<string> | undefined
  const connect = (): void => network.setPeers(reachable === undefined ? wanted : wanted.filter((peer) => reachable?.has(peer)))
  return {
    start: (events) => network.start(events),
    setPeers(peers) {
      wanted = peers
      connect()
    },
    reach(peers) {
      reachable = peers
      connect()
    },
    send: (to, frame) => network.send(to, frame),
    queuedBytes: (to) => network.queuedBytes(to),
    pause: (peer) => network.pause(peer),
    resume: (peer) => network.resume(peer),
    stop: () => network.stop(),
  }
}
