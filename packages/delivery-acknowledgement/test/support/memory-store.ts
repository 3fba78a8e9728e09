/** The acknowledgement store of a node that is never killed. */
import type { AckStore, ChainRecord, Standing } from '@selvedge/delivery-acknowledgement/node'

export function createMemoryStore(): AckStore {
  const epochs = new Map<bigint, Map<string, ChainRecord>>()
  const standings = new Map<string, Standing>()
  let nonces = 0n
  return {
    nextNonceBlock() {
      nonces += 65_536n
      return nonces - 65_536n
    },
    put(record) {
      const { epoch, sessionId, serviceId } = record.evidence.acknowledgement
      const chains = epochs.get(epoch) ?? new Map<string, ChainRecord>()
      epochs.set(epoch, chains.set(`${sessionId} ${serviceId}`, record))
    },
    putStanding: (standing) => void standings.set(String(standing.account), standing),
    standings: () => [...standings.values()],
    flush: () => Promise.resolve(),
    all: (epoch) => [...(epochs.get(epoch)?.values() ?? [])],
    forget(epoch) {
      epochs.delete(epoch)
      return Promise.resolve()
    },
    stop: () => Promise.resolve(),
  }
}
