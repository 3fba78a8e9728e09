/**
 * What a node does about what it was signed for in epoch e: in e + 1 it commits one claim and lists its debits, and answers what the beacon
 * draws; in e + 2 it answers disputes; when the claim is paid or void under a certified block it lets go of what proves it.
 *
 * It looks at the state after each block and says what is missing there, so a node that was killed goes on where it was. Invariants: a claim
 * is on disk before it is committed, and never another of that epoch; each thing is said again until the state has it, or its time is over.
 * Times are block time, docs/protocol/delivery-acknowledgements.md.
 */
import { beacons, CLAIM_STATES, claims, DISPUTE_STATES, disputes, epochRow, nodeKeys, nodes } from '@selvedge/application'
import type { Application, ClaimRow, EpochRow, NodeRow } from '@selvedge/application'
import { sha256 } from '@selvedge/crypto/sha256'
import {
  ANSWER_PERCENT,
  buildClaim,
  type BuiltClaim,
  type ClaimedSession,
  COMMIT_PERCENT,
  decodeClaimAnswer,
  DeliveryAcknowledgementError,
  DISPUTE_ANSWER_PERCENT,
  encodeClaimAnswer,
  momentOf,
} from '@selvedge/delivery-acknowledgement'
import { encodeNodeBody, isSameBytes, NODE_KINDS, signNodeTransaction, transactionId, type NodeBody } from '@selvedge/ledger-types'
import { NodeError } from '../errors.ts'
import type { ClaimFiles } from './claim-files.ts'
import { ClaimNonces } from './claim-nonces.ts'

/** Leaves that one answer to a dispute opens, as those to the beacon. */
const DISPUTE_LEAVES = 32
/** Epochs after its own in which a claim stands in the state: it is paid at the end of the second. */
const KEPT_EPOCHS = 3

/** Where the evidence comes from: the books, as far as claims need them. */
export interface ClaimSource {
  /** Payable evidence of a closed epoch, the same at each call; undefined while some may still come. */
  takeEpoch(epoch: bigint): readonly ClaimedSession[] | undefined
  forget(epoch: bigint): Promise<void>
}

export type ClaimEvent =
  | { readonly type: 'claiming'; readonly epoch: number; readonly total: bigint; readonly count: number }
  /** 32 bytes: the transaction that fixes the claim, as often as it is said. */
  | { readonly type: 'commit'; readonly epoch: number; readonly transaction: Uint8Array }
  | { readonly type: 'over'; readonly epoch: number; readonly isPaid: boolean }

export interface ClaimDutyComponents {
  readonly application: Pick<Application, 'state' | 'lastApplied' | 'view'>
  readonly keys: { readonly publicKey: Uint8Array; sign(message: Uint8Array): Uint8Array }
  /** Rejects when nobody takes it now: it is said again. */
  readonly submit: (transaction: Uint8Array) => Promise<void>
  readonly source: ClaimSource
  readonly files: ClaimFiles
  readonly onEvent?: (event: ClaimEvent) => void
  /** Something went wrong with one claim; the duty goes on. */
  readonly onError?: (error: unknown) => void
}

/** One epoch's claim. */
interface Work {
  readonly claim: BuiltClaim
  /** Bodies of the answers to the beacon, once that is drawn. */
  answers?: readonly { readonly first: number; readonly bytes: Uint8Array }[]
  /** Height at which the state had its end. */
  overAt?: number
}

interface Here {
  readonly epoch: number
  readonly height: number
  readonly timestampMs: number
  readonly nodeIndex: number
  readonly row: NodeRow
}

export class ClaimDuty {
  readonly #components: ClaimDutyComponents
  readonly #works = new Map<number, Work>()
  /** Epochs of which nothing is claimed, or no more. */
  readonly #done = new Set<number>()
  readonly #nonces = new ClaimNonces()
  readonly #running = new Set<Promise<void>>()
  #certified = 0
  #sweptIn = -1
  #round: Promise<void> | undefined
  #isLookedAtAgain = false
  #isStopped = false

  constructor(components: ClaimDutyComponents) {
    this.#components = components
  }

  /** To be called after each block, and once when the node starts. */
  onBlock(): void {
    if (this.#isStopped) return
    if (this.#round !== undefined) {
      this.#isLookedAtAgain = true
      return
    }
    this.#round = this.#look()
      .catch((error: unknown) => this.#components.onError?.(error))
      .finally(() => {
        this.#round = undefined
        if (!this.#isLookedAtAgain) return
        this.#isLookedAtAgain = false
        this.onBlock()
      })
  }

  /** To be called after each certificate. */
  onCertificate(height: number): void {
    this.#certified = Math.max(this.#certified, height)
    this.onBlock()
  }

  /** Resolves when what it does about the blocks so far is done. */
  async idle(): Promise<void> {
    while (this.#round !== undefined) await this.#round
  }

  /** Waits for what is on its way. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#round
    await Promise.all(this.#running)
  }

  async #look(): Promise<void> {
    const { epoch } = this.#components.application.lastApplied()
    if (epoch !== this.#sweptIn) await this.#sweep(epoch)
    for (let claimed = Math.max(0, epoch - KEPT_EPOCHS); claimed < epoch && !this.#isStopped; claimed++) {
      if (this.#done.has(claimed)) continue
      try {
        await this.#advance(claimed)
      } catch (error) {
        const isHopeless = error instanceof NodeError || error instanceof DeliveryAcknowledgementError // as its file is, no later look mends it
        if (isHopeless) this.#done.add(claimed)
        this.#components.onError?.(error)
      }
    }
  }

  /** Lets go of what is too old to be spoken of: its node was away meanwhile. */
  async #sweep(epoch: number): Promise<void> {
    for (const old of await this.#components.files.list()) if (old < epoch - KEPT_EPOCHS) await this.#letGo(old)
    for (const old of this.#done) if (old < epoch - KEPT_EPOCHS) this.#done.delete(old)
    this.#sweptIn = epoch
  }

  async #advance(epoch: number): Promise<void> {
    const before = this.#here()
    if (before === undefined) return
    const row = this.#components.application.state.get(claims, { epoch, nodeIndex: before.nodeIndex })
    if (row?.state === CLAIM_STATES.settled || row?.state === CLAIM_STATES.void) return await this.#end(epoch, row, before)
    const work = await this.#workOf(epoch, before)
    const here = this.#here() // the disk took a while
    if (work === undefined || here === undefined || this.#isStopped) return
    for (const { name, body } of this.#missing(epoch, work, here)) this.#say(epoch, name, body, here)
  }

  /** What the state has not got of what this node owes it. */
  #missing(epoch: number, work: Work, here: Here): readonly { readonly name: string; readonly body: NodeBody }[] {
    const { state } = this.#components.application
    const { claim } = work
    const row = state.get(claims, { epoch, nodeIndex: here.nodeIndex })
    const parts = claim.parts.map((bytes, part) => ({ part, name: `part ${part}`, body: { kind: 'claimDebits', bytes } as const }))
    if (row === undefined) {
      if (!this.#isBefore(here, epoch + 1, COMMIT_PERCENT)) return []
      return [{ name: 'commit', body: { kind: 'claimCommit', bytes: claim.commit } }, ...parts] // at once: there is no time to wait for blocks
    }
    if (!isSameBytes(row.root, claim.tree.root)) return []
    if (row.state === CLAIM_STATES.committed && this.#isBefore(here, epoch + 1, COMMIT_PERCENT))
      return parts.filter(({ part }) => !hasBit(row.partsHere, part))
    if (row.state === CLAIM_STATES.challenged && this.#isBefore(here, epoch + 1, ANSWER_PERCENT)) return this.#answersTo(epoch, work, row)
    const isDisputable = here.epoch === epoch + 1 || this.#isBefore(here, epoch + 2, DISPUTE_ANSWER_PERCENT)
    return row.state === CLAIM_STATES.passed && isDisputable ? this.#disputed(epoch, claim, here) : []
  }

  #answersTo(epoch: number, work: Work, { opened }: ClaimRow): readonly { readonly name: string; readonly body: NodeBody }[] {
    const drawn = this.#components.application.state.get(beacons, epoch + 1)
    if (drawn === undefined) return []
    work.answers ??= work.claim.answers(drawn.beacon, drawn.withheld).map((bytes) => ({ first: decodeClaimAnswer(bytes).first, bytes }))
    return work.answers
      .filter(({ first }) => !hasBit(opened, first))
      .map(({ first, bytes }) => ({ name: `answer ${first}`, body: { kind: 'claimAnswer', bytes } }))
  }

  /** Of each dispute the leaves that come next: they are opened in order, whatever was opened before. */
  #disputed(epoch: number, claim: BuiltClaim, { nodeIndex }: Here): readonly { readonly name: string; readonly body: NodeBody }[] {
    const from = { epoch, nodeIndex, clientIndex: 0, serviceId: 0 }
    const open = this.#components.application.state
      .between(disputes, from, { ...from, nodeIndex: nodeIndex + 1 })
      .filter(([, { state }]) => state === DISPUTE_STATES.open)
    return open.flatMap(([{ clientIndex, serviceId }, { leaves: first }]) => {
      const openings = claim.openEntry(clientIndex, serviceId).slice(first, first + DISPUTE_LEAVES)
      if (openings.length === 0) return []
      const bytes = encodeClaimAnswer({ epoch: BigInt(epoch), nodeIndex, first, openings })
      return [{ name: `dispute ${clientIndex} ${serviceId} ${first}`, body: { kind: 'disputeAnswer', clientIndex, serviceId, bytes } }]
    })
  }

  /** What is claimed of the epoch: on disk already, or taken from the books now and put there. */
  async #workOf(epoch: number, here: Here): Promise<Work | undefined> {
    const known = this.#works.get(epoch)
    if (known !== undefined) return known
    const { files, source, onEvent } = this.#components
    let sessions = await files.read(epoch)
    if (sessions === undefined) {
      if (!this.#isBefore(here, epoch + 1, COMMIT_PERCENT)) return await this.#letGo(epoch)
      sessions = source.takeEpoch(BigInt(epoch))
      if (sessions === undefined) return undefined
      if (sessions.length === 0) return await this.#letGo(epoch)
      await files.write(epoch, sessions)
    }
    const work: Work = { claim: buildClaim(sessions) }
    this.#works.set(epoch, work)
    const { total, count } = work.claim.tree
    onEvent?.({ type: 'claiming', epoch, total, count })
    return work
  }

  /** The ledger has paid or refused it: kept until that is certified, because until then another history may come to be. */
  async #end(epoch: number, { state }: ClaimRow, { height }: Here): Promise<void> {
    const work = this.#works.get(epoch) ?? (await this.#workOnDisk(epoch))
    if (work === undefined) return await this.#letGo(epoch)
    work.overAt ??= height
    if (this.#certified < work.overAt) return
    await this.#letGo(epoch)
    this.#components.onEvent?.({ type: 'over', epoch, isPaid: state === CLAIM_STATES.settled })
  }

  async #workOnDisk(epoch: number): Promise<Work | undefined> {
    const sessions = await this.#components.files.read(epoch)
    if (sessions === undefined) return undefined
    const work: Work = { claim: buildClaim(sessions) }
    this.#works.set(epoch, work)
    return work
  }

  async #letGo(epoch: number): Promise<undefined> {
    this.#done.add(epoch)
    this.#works.delete(epoch)
    this.#nonces.forget(`${epoch} `)
    await this.#components.source.forget(BigInt(epoch))
    await this.#components.files.remove(epoch)
  }

  #here(): Here | undefined {
    const { application, keys } = this.#components
    const { epoch, height, timestampMs } = application.lastApplied()
    const nodeIndex = application.state.get(nodeKeys, sha256(keys.publicKey))
    const row = nodeIndex === undefined ? undefined : application.state.get(nodes, nodeIndex)
    return nodeIndex === undefined || row === undefined ? undefined : { epoch, height, timestampMs, nodeIndex, row }
  }

  #isBefore({ epoch, timestampMs }: Here, inEpoch: number, percent: bigint): boolean {
    if (epoch !== inEpoch) return false
    const { startMs, endMs } = this.#components.application.state.get(epochRow, null) as EpochRow
    return BigInt(timestampMs) < momentOf({ startMs: BigInt(startMs), endMs: BigInt(endMs) }, percent)
  }

  #say(epoch: number, what: string, body: NodeBody, { nodeIndex, row, timestampMs }: Here): void {
    const name = `${epoch} ${what}`
    const nonce = this.#nonces.next(name, row, timestampMs)
    if (nonce === undefined) return
    const { application, keys, submit, onEvent } = this.#components
    const { chainId } = application.view()
    const unsigned = { chainId, nodeIndex, nonce, kind: NODE_KINDS[body.kind].id, body: encodeNodeBody(body) }
    const transaction = signNodeTransaction(unsigned, (message) => keys.sign(message))
    if (body.kind === 'claimCommit') onEvent?.({ type: 'commit', epoch, transaction: transactionId(transaction) })
    const job = submit(transaction)
      .catch(() => this.#nonces.again(name)) // no room, or nobody takes it now
      .finally(() => this.#running.delete(job))
    this.#running.add(job)
  }
}

const hasBit = (bitmap: Uint8Array, index: number): boolean => (((bitmap[index >> 3] ?? 0) >> (index & 7)) & 1) === 1
