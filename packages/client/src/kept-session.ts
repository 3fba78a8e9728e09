/** The session with one node: made when it is first needed, kept, and made again when it has ended; with what pays for it. */
import type { NodeAddress } from './address.ts'
import { ClientError } from './errors.ts'
import type { Connect, SessionPort } from './ports.ts'
import type { Purse, SessionPurse } from './purse.ts'

export interface OpenSession {
  readonly session: Promise<SessionPort>
  readonly purse: SessionPurse | undefined
  /** Who verifies what comes on its lanes. */
  readonly following: Set<Promise<void>>
}

/** How long those are waited for whose lanes are over: all that they verify has come. */
const VERIFYING_MS_MAX = 2_000

export interface KeptSession {
  readonly address: NodeAddress
  /** Shared by all that ask at once, so no asker's abort ends it. */
  open(): OpenSession
  readonly current: OpenSession | undefined
  readonly isClosed: boolean
  /** Ends its lanes, signs for what is verified and for what nobody will verify any more, then ends the session. */
  close(): Promise<void>
}

export function createKeptSession(address: NodeAddress, connect: Connect, chainId: number, purse: Purse | undefined): KeptSession {
  const ending = new AbortController()
  let current: OpenSession | undefined
  return {
    address,
    get current() {
      return current
    },
    get isClosed() {
      return ending.signal.aborted
    },
    open() {
      if (current !== undefined) return current
      const paying = purse?.open(address.nodeKey)
      const made = {
        session: connect({ ...address, chainId, signal: ending.signal, ...paying?.hello }),
        purse: paying,
        following: new Set<Promise<void>>(),
      }
      const forget = (): void => {
        if (current === made) current = undefined
        paying?.close()
      }
      made.session.then((opened) => opened.closed.then(forget, forget), forget)
      current = made
      return made
    },
    async close() {
      const made = current
      current = undefined
      ending.abort(new ClientError('CLIENT_CLOSED', 'the client is closed'))
      const opened = await made?.session.catch(() => undefined) // a session that could not be made needs no closing
      await opened?.settle?.()
      if (made !== undefined) await allWithin(made.following, VERIFYING_MS_MAX)
      made?.purse?.payer.finish()
      await opened?.close()
      made?.purse?.close()
    },
  }
}

/** They are as many as the session had lanes. */
async function allWithin(promises: ReadonlySet<Promise<void>>, ms: number): Promise<void> {
  if (promises.size === 0) return
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))
  await Promise.race([Promise.all(promises), late])
  clearTimeout(timer)
}
