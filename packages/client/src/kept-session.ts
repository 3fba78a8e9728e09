/** The session with one node: made when it is first needed, kept, and made again when it has ended; with what pays for it. */
import type { NodeAddress } from './address.ts'
import { ClientError } from './errors.ts'
import type { Connect, SessionPort } from './ports.ts'
import type { Purse, SessionPurse } from './purse.ts'

export interface OpenSession {
  readonly session: Promise<SessionPort>
  readonly purse: SessionPurse | undefined
}

export interface KeptSession {
  /** Shared by all that ask at once, so no asker's abort ends it. */
  open(): OpenSession
  readonly current: OpenSession | undefined
  readonly isClosed: boolean
  /** Signs for what is verified, then ends the session. */
  close(): Promise<void>
}

export function createKeptSession(address: NodeAddress, connect: Connect, chainId: number, purse: Purse | undefined): KeptSession {
  const ending = new AbortController()
  let current: OpenSession | undefined
  return {
    get current() {
      return current
    },
    get isClosed() {
      return ending.signal.aborted
    },
    open() {
      if (current !== undefined) return current
      const paying = purse?.open(address.nodeKey)
      const made = { session: connect({ ...address, chainId, signal: ending.signal, ...paying?.hello }), purse: paying }
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
      made?.purse?.payer.finish()
      await opened?.close()
      made?.purse?.close()
    },
  }
}
