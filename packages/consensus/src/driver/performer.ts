/** Does what an effect says, and turns what comes of it into an event. It makes no decision. */
import { answersOf } from '../core/answers.ts'
import type { EpochSetup } from '../core/contract.ts'
import type { EpochEffect, EpochEvent, EpochsEvent, PeerKey } from '../core/epochs-contract.ts'
import { ConsensusError } from '../errors.ts'
import type { CheckpointSigner, Clock, Network, Store, TransactionVerifier } from '../ports.ts'
import { checkpointSigningBytes } from '../wire/checkpoint.ts'
import { encodeFrame } from '../wire/frames.ts'
import type { Authority } from '../wire/types.ts'
import type { DriverEffect } from './engine.ts'
import type { Executions } from './executions.ts'
import type { FlowControl } from './flow-control.ts'
import type { Submissions } from './submissions.ts'
import { named, workerFailure } from './failure.ts'

export interface PerformerEvents {
  readonly onBegin: (setup: EpochSetup) => void
  readonly onLeave: (epoch: number) => void
  readonly onCertificate: (epoch: number, height: number, certificate: Uint8Array) => void
  readonly onEvidence: (epoch: number, evidence: Uint8Array) => void
  readonly onFailure: (failure: ConsensusError) => void
}

export interface PerformerComponents {
  readonly network: Network
  readonly store: Store
  readonly clock: Clock
  readonly flow: FlowControl
  readonly submissions: Submissions
  readonly executions: Executions
  readonly verifier: TransactionVerifier | undefined
  readonly signer: CheckpointSigner | undefined
  /** Setups of the epochs that are alive, by number. */
  readonly setups: Map<number, EpochSetup>
  readonly counts: Map<string, number>
  readonly post: (event: EpochsEvent) => void
  readonly events: PerformerEvents
}

/** Effects to which an answer comes back. */
type Asked = Extract<EpochEffect, { readonly type: 'verify' | 'signCheckpoint' | 'checkCheckpoint' | 'checkCertificate' }>

export class Performer {
  readonly #components: PerformerComponents
  #cancelTimer: (() => void) | undefined

  constructor(components: PerformerComponents) {
    this.#components = components
  }

  stop(): void {
    this.#cancelTimer?.()
  }

  perform(effect: DriverEffect): void {
    const { network, store, flow, submissions, setups, events } = this.#components
    switch (effect.type) {
      case 'send':
        for (const peer of effect.to) flow.send(peer, effect.frame)
        return
      case 'answer':
        return this.#answer(effect.epoch, effect.to, effect.request)
      case 'timer':
        return this.#setTimer(effect.atMs)
      case 'begin':
        setups.set(effect.setup.epoch, effect.setup)
        network.setPeers(effect.peers)
        return events.onBegin(effect.setup)
      case 'leave':
        return events.onLeave(effect.epoch)
      case 'forget':
        setups.delete(effect.epoch)
        network.setPeers(effect.peers)
        store.drop(effect.epoch).catch((error: unknown) => events.onFailure(named(error)))
        return
      case 'tell':
        return submissions.accept(effect.shares)
      case 'epoch':
        return this.#performInner(effect.epoch, effect.effect)
    }
  }

  #performInner(epoch: number, effect: EpochEffect): void {
    const { executions, events, counts } = this.#components
    switch (effect.type) {
      case 'emit':
        return executions.push(effect)
      case 'verify':
      case 'signCheckpoint':
      case 'checkCheckpoint':
      case 'checkCertificate':
        this.#ask(epoch, effect).then(
          (event) => this.#components.post({ type: 'epoch', epoch, event }),
          (error: unknown) => events.onFailure(workerFailure(error)),
        )
        return
      case 'certified':
        return events.onCertificate(epoch, effect.height, effect.certificate)
      case 'evidence':
        return events.onEvidence(epoch, effect.bytes)
      case 'halt':
        return events.onFailure(new ConsensusError('CONSENSUS_HALTED', `epoch ${epoch} cannot go on: ${effect.reason}`, { epoch }))
      case 'count':
        counts.set(effect.name, (counts.get(effect.name) ?? 0) + effect.by)
        return
      case 'persist': // what the queue keeps back
      case 'accepted': // what the engine turned into something else
      case 'overloaded':
      case 'retry':
        throw new TypeError(`${effect.type} is no effect to be done`)
    }
  }

  async #ask(epoch: number, effect: Asked): Promise<EpochEvent> {
    if (effect.type === 'verify') {
      const verdicts = (await this.#components.verifier?.verify(effect.transactions, 'peer')) ?? []
      return { type: 'verified', id: effect.id, isValid: verdicts.every((isValid) => isValid) }
    }
    const { signer } = this.#components
    if (signer === undefined)
      throw new ConsensusError('CONSENSUS_BAD_ARGUMENT', 'an executor that makes checkpoints needs a checkpointSigner')
    const { height } = effect
    const message = checkpointSigningBytes(effect.bytes)
    switch (effect.type) {
      case 'signCheckpoint':
        return { type: 'checkpointSigned', height, signature: await signer.sign(message) }
      case 'checkCheckpoint': {
        const { bad, aggregate } = await signer.check(message, this.#keysOf(epoch, effect.signers), effect.signatures)
        return { type: 'checkpointChecked', height, bad: bad.map((place) => effect.signers[place] as Authority), aggregate }
      }
      case 'checkCertificate':
        return {
          type: 'certificateChecked',
          height,
          isValid: await signer.checkAggregate(message, this.#keysOf(epoch, effect.signers), effect.aggregate),
        }
    }
  }

  #keysOf(epoch: number, signers: readonly Authority[]): Uint8Array[] {
    const committee = this.#components.setups.get(epoch)?.committee ?? []
    return signers.flatMap((signer) => committee[signer]?.blsKey ?? [])
  }

  /** Nothing is read from disk for a peer that does not read what it was sent. */
  #answer(epoch: number, to: PeerKey, request: Uint8Array): void {
    const { flow, store, setups } = this.#components
    const setup = setups.get(epoch)
    if (setup === undefined || !flow.isReady(to)) return
    const size = setup.committee.length
    for (const frame of answersOf(request, store.epoch(epoch), size)) flow.send(to, encodeFrame(frame, size))
  }

  #setTimer(atMs: number): void {
    const { clock, post } = this.#components
    this.#cancelTimer?.()
    this.#cancelTimer = clock.schedule(Math.max(0, atMs - clock.nowMs()), () => post({ type: 'tick' }))
  }
}
