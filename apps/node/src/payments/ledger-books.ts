/**
 * Where the money of sessions meets the ledger: the books of all paying sessions, judged by the rules and the accounts of this node's own state,
 * and the duty that claims what they hold. The session server is there before the ledger is: until the first block everybody is a guest, and so
 * it is while this node may claim nothing (it is not Active, or does not keep up with its clock).
 *
 * Files in the folder: `acks/` newest acknowledgements, counter of sessions; `claims/` what is claimed of an epoch.
 */
import { nodeKeys, type Application } from '@selvedge/application'
import { CONTENT_SERVICE_ID } from '@selvedge/content'
import { sha256 } from '@selvedge/crypto/sha256'
import { DeliveryAcknowledgementError, type EpochRules } from '@selvedge/delivery-acknowledgement'
import {
  createBooks,
  createFileAckStore,
  type AckStore,
  type Books,
  type EpochPlace,
  type NodePayments,
} from '@selvedge/delivery-acknowledgement/node'
import { isSameBytes } from '@selvedge/ledger-types'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { NodeError } from '../errors.ts'
import type { AttachToLedger } from '../ledger-tools/attachment.ts'
import { ClaimDuty, type ClaimEvent } from './claim-duty.ts'
import { openClaimFiles } from './claim-files.ts'

/** Of RESET and GOAWAY: not here, or not now. */
const NOT_AUTHORISED = 6
/** Epochs that a claim may be about, beside the running one. */
const KEPT_EPOCHS = 2n
const NONCES_A_BLOCK: bigint = 2n ** 16n

export interface LedgerBooksOptions {
  readonly keys: { readonly publicKey: Uint8Array; sign(message: Uint8Array): Uint8Array }
  readonly folder: string
  readonly onClaim?: (event: ClaimEvent) => void
  /** Something went wrong with one claim, or acknowledgements do not reach the disk (nobody is let in to pay meanwhile); the node goes on. */
  readonly onError?: (error: unknown) => void
}

export interface LedgerBooks {
  /** Of the session server. */
  readonly payments: NodePayments
  /** Of the ledger node. */
  readonly attach: AttachToLedger
  /** What was served and not paid for since the process began. */
  readonly losses: Books['losses']
  /** After session server and ledger. What was signed is on disk when it resolves. */
  stop(): Promise<void>
}

/** @throws {NodeError} `NODE_BUSY` where another process has the folder */
export async function createLedgerBooks({ keys, folder, onClaim, onError }: LedgerBooksOptions): Promise<LedgerBooks> {
  const store = await storeIn(join(folder, 'acks'), onError)
  const files = await openClaimFiles(join(folder, 'claims'))
  const rules = new Rules()
  let ledger: Application | undefined
  let books: Books | undefined

  /** The books need the node's place in the registry, which it has for ever once it has it. */
  function booksOf(application: Application): Books | undefined {
    if (books !== undefined) return books
    const nodeIndex = application.state.get(nodeKeys, sha256(keys.publicKey))
    if (nodeIndex === undefined) return undefined
    const { chainId, startMs, endMs } = application.view()
    const components = {
      rules: (epoch: bigint) => rules.of(ledger ?? application, epoch, nodeIndex),
      means: (account: Uint8Array) => (ledger ?? application).clientMeans(account, nodeIndex),
      store,
      nowMs: () => performance.now(), // the session server's clock
      rand: (bytes: number) => new Uint8Array(randomBytes(bytes)),
    }
    books = createBooks(components, { chainId, nodeKey: keys.publicKey, nodeIndex, epochMs: endMs - startMs })
    return books
  }

  const payments = paymentsOf(store, () => (ledger !== undefined && mayClaim(ledger, keys.publicKey) ? books : undefined))

  return {
    payments,
    attach(application, { submit }) {
      const duty = new ClaimDuty({
        application,
        keys,
        submit,
        files,
        source: {
          takeEpoch: (epoch) => booksOf(application)?.takeEpoch(epoch),
          forget: (epoch) => booksOf(application)?.forget(epoch) ?? Promise.resolve(),
        },
        ...(onClaim === undefined ? {} : { onEvent: onClaim }),
        ...(onError === undefined ? {} : { onError }),
      })
      return {
        onBlock(outcome) {
          rules.clear()
          if (outcome !== undefined) {
            ledger = application
            booksOf(application)?.changeEpoch(placeOf(application.view()))
          }
          duty.onBlock()
        },
        onCertificate: (height) => duty.onCertificate(height),
        sayAfterBlock: () => [],
        stop: () => duty.stop(),
      }
    },
    get losses() {
      return books?.losses ?? { writtenOffBytes: 0n, defaults: 0 }
    },
    stop: () => store.stop(),
  }
}

async function storeIn(folder: string, onError: LedgerBooksOptions['onError']): Promise<AckStore> {
  try {
    return await createFileAckStore(folder, onError === undefined ? {} : { onError })
  } catch (cause) {
    if (!(cause instanceof DeliveryAcknowledgementError) || cause.code !== 'DELIVERY_ACKNOWLEDGEMENT_LOCKED') throw cause
    throw new NodeError('NODE_BUSY', `${folder} is in use: ${cause.message}`, { folder }, { cause })
  }
}

/** Of the books while they may let anybody in; the sessions that they have go on whatever they may. Guests have nonces at any time. */
function paymentsOf(store: AckStore, open: () => Books | undefined): NodePayments {
  let next = 0n
  let end = 0n
  return {
    get place() {
      return open()?.place ?? { nodeIndex: 0, epoch: 0n, priceVersion: 0 }
    },
    admit: (hello) => open()?.admit(hello) ?? { refuse: NOT_AUTHORISED },
    nextLaneNonce() {
      if (next === end) {
        next = store.nextNonceBlock() // blocks of the books are others of the same counter
        end = next + NONCES_A_BLOCK
      }
      return next++
    },
  }
}

/** Asked of every acknowledgement, and good until the next block. */
class Rules {
  readonly #known = new Map<bigint, EpochRules | undefined>()

  of(application: Application, epoch: bigint, nodeIndex: number): EpochRules | undefined {
    if (!this.#known.has(epoch)) this.#known.set(epoch, rulesIn(application, epoch, nodeIndex))
    return this.#known.get(epoch)
  }

  clear(): void {
    this.#known.clear()
  }
}

function rulesIn(application: Application, epoch: bigint, nodeIndex: number): EpochRules | undefined {
  const running = BigInt(application.view().epoch)
  return epoch > running || epoch + KEPT_EPOCHS < running ? undefined : application.epochRules(Number(epoch), nodeIndex)
}

/** Whether what is delivered now can be claimed: the node was Active when the epoch began, and its state is not one of the past. */
function mayClaim(application: Application, publicKey: Uint8Array): boolean {
  const { nodes, startMs, endMs } = application.view()
  const state = nodes.find(({ nodeKey }) => isSameBytes(nodeKey, publicKey))?.state
  const isActive = state === 'active' || state === 'optingOut'
  return isActive && Date.now() - application.lastApplied().timestampMs < endMs - startMs
}

/** What is offered here, and what it costs. */
function placeOf({ epoch, priceVersion, prices, services }: ReturnType<Application['view']>): EpochPlace {
  const { bytePrice, cpuPrice } = prices
  const offered = services.filter(({ id }) => id === CONTENT_SERVICE_ID)
  return {
    epoch: BigInt(epoch),
    priceVersion,
    price: {
      priceVersion,
      bytePrice,
      cpuPrice,
      fromEpoch: BigInt(epoch),
      services: offered.map(({ id, multiplePpm }) => ({ serviceId: id, multiplePpm })),
    },
  }
}
