/**
 * The door of a node that is believed in nothing: what it answers of the state and of receipts is taken only with a proof that leads to a block which
 * a quorum of a committee signed, and that committee by an unbroken chain from the one that the user trusts.
 *
 * What is proven is a state that the ledger had, not that it has none newer: a node may answer from the past. Heights go up: the light client keeps the
 * committee of one epoch, so a block of an epoch that it has left proves nothing to it any more.
 */
import { decodeField, keyOf } from '@selvedge/application'
import {
  CODE_WORDS,
  checkpointOfCertificate,
  committeeOfGenesis,
  isSameBytes,
  LedgerError,
  type Checkpoint,
  type CommitteeMember,
} from '@selvedge/ledger-types'
import { createLightClient, verifyReceipt, verifyState } from '@selvedge/ledger-types/light-client'
import { setTimeout as sleep } from 'node:timers/promises'
import { NodeError } from '../errors.ts'
import { readGenesis } from './genesis-file.ts'
import { readPin } from './pin-file.ts'
import { bytesOf, hexOf, integerOf, notUnderstood, objectOf, type FinalReceipt, type RpcDoor } from './rpc-door.ts'

export interface TrustOptions {
  /** Files, and the hashes that they must have. */
  readonly genesis?: string
  readonly hash?: string
  readonly pin?: string
  readonly pinHash?: string
}

/** The committee of one epoch, from which certificates are followed. */
export interface Trust {
  readonly chainId: number
  readonly epoch: number
  readonly committee: readonly CommitteeMember[]
}

/** @returns `undefined` where nothing is named. @throws {NodeError} `NODE_USAGE` */
export async function trustOf({ genesis: path, hash, pin, pinHash }: TrustOptions): Promise<Trust | undefined> {
  if (path === undefined) {
    if (hash === undefined && pin === undefined && pinHash === undefined) return undefined
    throw new NodeError('NODE_USAGE', '--hash, --pin and --pin-hash say more of a network whose file --genesis names')
  }
  const genesis = await readGenesis(path, hash)
  if (pin !== undefined) return await readPin(pin, genesis, pinHash)
  if (pinHash !== undefined) throw new NodeError('NODE_USAGE', '--pin-hash is of a file that --pin names')
  return { chainId: genesis.chainId, epoch: 0, committee: committeeOfGenesis(genesis) }
}

export interface ProvenDoorOptions {
  /** How long a certificate, or the proof of an epoch that is over, is waited for. @default 120,000 */
  readonly proofMsMax?: number
}

/** Until the node is asked again. */
const LOOK_MS = 250
/** Looks for certificates until it is asked for a newer head. */
const LOOKS_A_HEAD = 8

/**
 * `door` with `row` and `provenReceipt` that throw what does not check. Anything else that is asked through it is a word of the node as before.
 * @throws {NodeError} (of its methods) `NODE_UNPROVEN` for what proves nothing, `NODE_RPC` and `NODE_REFUSED` as the door does.
 */
export function openProvenDoor(
  door: RpcDoor,
  trust: Trust,
  signal: AbortSignal,
  { proofMsMax = 120_000 }: ProvenDoorOptions = {},
): RpcDoor {
  const client = createLightClient(trust)
  const { url, ask } = door
  const waitFor = waiting(url, proofMsMax, signal)

  async function certificateOf(height: number): Promise<Uint8Array | undefined> {
    const answer = await ask('selvedge_certificate', height)
    return answer === null ? undefined : bytesOf(url, objectOf(url, answer).certificate)
  }

  async function checkpointOf(height: number, certificate: Uint8Array): Promise<Checkpoint> {
    const { epoch } = proven(url, () => checkpointOfCertificate(certificate))
    while (client.epoch < epoch) await advance(epoch)
    const checkpoint = proven(url, () => client.verifyCertificate(certificate))
    if (checkpoint.height !== height) throw unproven(url, `its certificate is of block ${checkpoint.height}, not ${height}`)
    return checkpoint
  }

  /** To `epoch`, or as far as one answer leads: each step is checked before the next, so there is no further than the ledger was. */
  async function advance(epoch: number): Promise<void> {
    const proofs = await waitFor(`proof of the end of epoch ${client.epoch}`, async () => {
      const answer = await ask('selvedge_epochProofs', client.epoch)
      if (!Array.isArray(answer)) throw notUnderstood(url, 'its proofs of epochs are no list')
      return answer.length === 0 ? undefined : answer
    })
    for (const proof of proofs) if (client.epoch < epoch) proven(url, () => client.advance(bytesOf(url, proof)))
  }

  return {
    ...door,
    isProven: true,
    async row(table, key) {
      const place = keyOf(table, key)
      const answers: RowAnswer[] = []
      let looks = 0
      // The head's certificate is a round trip away, or as far as a snapshot that it names: then that of a later head comes first.
      const { height, value, proof, certificate } = await waitFor('certificate of the blocks that it names', async () => {
        if (looks++ % LOOKS_A_HEAD === 0) answers.push(rowAnswerIn(url, await ask('selvedge_proof', table.id, hexOf(place))))
        for (const answer of answers) {
          const found = await certificateOf(answer.height)
          if (found !== undefined) return { ...answer, certificate: found }
        }
        return undefined
      })
      const checkpoint = await checkpointOf(height, certificate)
      proven(url, () => verifyState(checkpoint, { table: table.id, key: place, value }, proof))
      return value === undefined ? undefined : decodeField(table.value, value)
    },
    async provenReceipt(id) {
      const answer = objectOf(url, await ask('selvedge_receiptProof', id))
      const [bytes, proof] = [bytesOf(url, answer.receipt), bytesOf(url, answer.proof)]
      const height = integerOf(url, answer.height)
      const checkpoint = await checkpointOf(height, await waitFor(`certificate of block ${height}`, () => certificateOf(height)))
      const receipt = proven(url, () => verifyReceipt(checkpoint, bytes, proof))
      if (!isSameBytes(receipt.id, bytesOf(url, id))) throw unproven(url, 'it shows the receipt of another transaction')
      const { code, events } = receipt
      return { height: checkpoint.height, code, words: CODE_WORDS[code], events: events.map(shownOf) } satisfies FinalReceipt
    },
  }
}

/** @returns what waits for what `look` finds, as soon as the node has it. */
function waiting(url: string, msMax: number, signal: AbortSignal): <T>(what: string, look: () => Promise<T | undefined>) => Promise<T> {
  return async (what, look) => {
    const endMs = performance.now() + msMax
    for (;;) {
      const found = await look()
      if (found !== undefined) return found
      if (performance.now() >= endMs) throw unproven(url, `it has no ${what}`)
      await sleep(Math.min(LOOK_MS, msMax), undefined, { signal })
    }
  }
}

interface RowAnswer {
  readonly height: number
  readonly value: Uint8Array | undefined
  readonly proof: Uint8Array
}

function rowAnswerIn(url: string, answer: unknown): RowAnswer {
  const { height, value, proof } = objectOf(url, answer)
  return { height: integerOf(url, height), value: value === null ? undefined : bytesOf(url, value), proof: bytesOf(url, proof) }
}

/** An event as JSON-RPC shows it. */
function shownOf(event: object): Readonly<Record<string, unknown>> {
  const shown = (value: unknown): unknown =>
    typeof value === 'bigint' ? String(value) : value instanceof Uint8Array ? hexOf(value) : value
  return Object.fromEntries(Object.entries(event).map(([name, value]) => [name, shown(value)]))
}

function proven<T>(url: string, check: () => T): T {
  try {
    return check()
  } catch (cause) {
    if (cause instanceof LedgerError) throw unproven(url, cause.message, cause)
    throw cause
  }
}

function unproven(url: string, why: string, cause?: unknown): NodeError {
  return new NodeError('NODE_UNPROVEN', `${url} cannot prove what it says: ${why}`, {}, { cause })
}
