/**
 * What was found good before and need not be worked out again: delegations that are signed, and the ids of sessions. It spares work and changes no
 * answer. As a set it holds delegations by their bytes, whoever comes with them; what it knows besides hangs on the very objects, which nobody
 * changes, and goes with them. The caller bounds the set.
 */
import { type SessionIdInputs, sessionIdOf } from '@selvedge/crypto/transcript'
import type { Delegation } from './delegation.ts'

/** Of evidence. */
type Inputs = Pick<SessionIdInputs, 'laneNonce' | 'clientRand' | 'nodeRand'>

interface KnownId {
  readonly sessionId: Uint8Array
  readonly place: SessionPlace
  readonly delegation: Delegation
}

/** What a session id is made of beside its inputs and its delegation. */
export interface SessionPlace {
  readonly chainId: number
  readonly nodeKey: Uint8Array
  readonly epoch: bigint
}

export class KnownGood extends Set<string> {
  readonly #signed = new WeakMap<Delegation, number>()
  readonly #ids = new WeakMap<Inputs, KnownId>()

  isSigned(chainId: number, delegation: Delegation): boolean {
    return this.#signed.get(delegation) === chainId
  }

  noteSigned(chainId: number, delegation: Delegation): void {
    this.#signed.set(delegation, chainId)
  }

  sessionIdOf(session: Inputs, delegation: Delegation, place: SessionPlace): Uint8Array {
    const known = this.#ids.get(session)
    if (known?.delegation === delegation && isSamePlace(known.place, place)) return known.sessionId
    const sessionId = idOf(session, delegation, place)
    this.#ids.set(session, { sessionId, delegation, place })
    return sessionId
  }
}

/** The id of the session that `delegation` allows. */
export function idOf(session: Inputs, { account, sessionKey }: Delegation, { chainId, nodeKey, epoch }: SessionPlace): Uint8Array {
  const { laneNonce, clientRand, nodeRand } = session
  return sessionIdOf({ chainId, account, sessionKey, nodeKey, laneNonce, epoch, clientRand, nodeRand })
}

const isSamePlace = (a: SessionPlace, b: SessionPlace): boolean => a.epoch === b.epoch && a.nodeKey === b.nodeKey && a.chainId === b.chainId
