/**
 * For drills: a cut between validators. Connections to whoever is out of reach are ended, and nobody finds the other's address until the cut is healed.
 * The transport above it does not know and goes on trying with its own patience, as it would across a broken line.
 */
import type { Network } from '../ports.ts'

export interface NetworkSwitch<A> {
  /** For the transport. */
  readonly addressOf: (peer: string) => A | undefined
  /** The transport, which is told when connections are to end. */
  attach(network: Network): Network
  /** Who can be reached from now on. */
  reach(peers: readonly string[]): void
}

/**
 * A network that can be cut and healed while it runs.
 * @param addresses - by node key, hex; all can be reached at first.
 */
export function createNetworkSwitch<A>(addresses: ReadonlyMap<string, A>): NetworkSwitch<A> {
  let reachable = new Set(addresses.keys())
  let wanted: readonly string[] = []
  let attached: Network | undefined
  return {
    addressOf: (peer) => (reachable.has(peer) ? addresses.get(peer) : undefined),
    attach(network) {
      attached = network
      return {
        start: (events) => network.start(events),
        setPeers(peers) {
          wanted = peers
          network.setPeers(peers)
        },
        send: (to, frame) => network.send(to, frame),
        queuedBytes: (to) => network.queuedBytes(to),
        pause: (peer) => network.pause(peer),
        resume: (peer) => network.resume(peer),
        stop: () => network.stop(),
      }
    },
    reach(peers) {
      const isCut = [...reachable].some((peer) => !peers.includes(peer))
      reachable = new Set(peers)
      if (isCut) attached?.setPeers(wanted.filter((peer) => reachable.has(peer)))
      if (isCut) attached?.setPeers(wanted)
    },
  }
}
