/**
 * A node that is paid, in a process of its own: a session server with its books, which sends what it is asked for. Bounds on addresses are
 * out of the way, since all clients are one machine.
 *
 *   paid-node.ts [BYTE_PRICE]
 */
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { createSessionServer } from '@selvedge/handshake/tls'
import { sendLane } from './order.ts'
import { answerParent, processorMs, residentBytes } from './other-process.ts'
import { CHAIN_ID, createPaidBooks } from './paid-books.ts'

export interface PaidNodeFacts {
  readonly port: number
  readonly nodeKey: readonly number[]
}

const HOUR_MS = 3_600_000
const [bytePrice] = process.argv.slice(2)
const identity = createKeyPair(new Uint8Array(32).fill(1))
const { books, acknowledgedBytes, stop } = await createPaidBooks(
  identity.publicKey,
  bytePrice === undefined ? undefined : BigInt(bytePrice),
)
const server = createSessionServer(
  { identity, payments: books, onLane: sendLane },
  {
    chainId: CHAIN_ID,
    maxConnections: 20_000,
    maxConnectionsPerAddress: 20_000,
    connectionsPerSecond: 100_000,
    connectionsBurst: 100_000,
    idleTimeoutMs: HOUR_MS,
  },
)
const { port } = await server.start()
const facts: PaidNodeFacts = { port, nodeKey: [...identity.publicKey] }
answerParent(facts, { processorMs, residentBytes, acknowledgedBytes, sessions: () => server.counts.sessions }, stop)
