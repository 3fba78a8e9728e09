/**
 * A cut between validators: connections to whoever is out of reach are ended, and nobody finds the other's address until the cut is healed.
 * The transport above it does not know and goes on trying with its own patience, as it would across a broken line.
 */
import type { Network } from '@selvedge/consensus'

export interface Switch<A> {
  /** For the transport. */
  readonly addressOf: (peer: string) => A | undefined
  /** The transport, which is told when connections are to end. */
  attach(network: Network): Network
  /** Who can be reached from now on. */
  reach(peers: readonly string[]): void
}

export function createSwitch<A>(addresses: ReadonlyMap<string, A>): Switch<A> {
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
