/** A network that can be cut: connections to whoever is out of reach are ended, and refused until they are within reach again. */
import type { Network } from '@selvedge/consensus'

export interface SwitchedNetwork extends Network {
  reach(peers: readonly string[]): void
}

export function createSwitchedNetwork(network: Network, everybody: readonly string[]): SwitchedNetwork {
  let wanted: readonly string[] = []
  let reachable = new Set(everybody)
  const connect = (): void => network.setPeers(wanted.filter((peer) => reachable.has(peer)))
  return {
    start: (events) => network.start(events),
    setPeers(peers) {
      wanted = peers
      connect()
    },
    reach(peers) {
      reachable = new Set(peers)
      connect()
    },
    send: (to, frame) => network.send(to, frame),
    queuedBytes: (to) => network.queuedBytes(to),
    pause: (peer) => network.pause(peer),
    resume: (peer) => network.resume(peer),
    stop: () => network.stop(),
  }
}
