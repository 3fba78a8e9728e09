/**
 * What a joiner believes: the committee of one epoch, and through final certificates those after it. Pure; every byte comes from strangers.
 *
 * The snapshot at the start of an epoch is named by a certificate 100 blocks into it, so right after an epoch began the newest certified
 * snapshot is the one of the epoch before. That is why the committee before the newest is kept too.
 */
import { type Checkpoint, type CommitteeMember, type Digest, isSameBytes } from '@selvedge/ledger-types'
import { createLightClient, type LightClient, type LightClientOptions } from '@selvedge/ledger-types/light-client'
import { SynchronizerError } from './errors.ts'

const ZERO = new Uint8Array(32)

/** What is known of the last block before an epoch. */
export type EpochStart = Pick<Checkpoint, 'height' | 'stateRoot' | 'blockDigest'>

/** A certified snapshot, and what is known of the block whose state it is. */
export interface NamedSnapshot {
  readonly root: Digest
  /** Epoch of the certificate that names it: the next block belongs to it. */
  readonly epoch: number
  /** The final block before that epoch, when its certificate was seen or it is pinned. */
  readonly final: EpochStart | undefined
}

export class Trust {
  readonly #client: LightClient
  #previous: { readonly epoch: number; readonly committee: readonly CommitteeMember[] } | undefined
  readonly #finals = new Map<number, EpochStart>()

  /** @throws {LedgerError} `LEDGER_BAD_CERTIFICATE` when the committee is not the pinned one. */
  constructor(pinned: LightClientOptions, start?: EpochStart) {
    this.#client = createLightClient(pinned)
    if (start !== undefined) this.#finals.set(pinned.epoch - 1, start)
  }

  get chainId(): number {
    return this.#client.chainId
  }

  /** The newest whose committee is known. */
  get epoch(): number {
    return this.#client.epoch
  }

  /** Moves on by an epoch. @throws {LedgerError} when the proof proves nothing; then nothing has changed. */
  advance(epochProof: Uint8Array): Checkpoint {
    const { epoch, committee } = this.#client
    const checkpoint = this.#client.advance(epochProof)
    this.#previous = { epoch, committee }
    this.#finals.set(epoch, checkpoint)
    this.#finals.delete(epoch - 2)
    return checkpoint
  }

  /** A light client of its own for `epoch`, the newest or the one before. */
  clientOf(epoch: number): LightClient {
    const { chainId } = this
    if (epoch === this.epoch) return createLightClient({ chainId, epoch, committee: this.#client.committee })
    if (this.#previous?.epoch !== epoch)
      throw new SynchronizerError('SYNCHRONIZER_NO_SNAPSHOT', `the committee of epoch ${epoch} is not known`)
    return createLightClient({ chainId, ...this.#previous })
  }

  /** Epochs whose certificates can be checked, the newest first. */
  get epochs(): readonly number[] {
    return this.#previous === undefined ? [this.epoch] : [this.epoch, this.#previous.epoch]
  }

  /** What a certificate of `epoch` names. @throws {LedgerError}; {SynchronizerError} `SYNCHRONIZER_MALFORMED` when it names no snapshot. */
  snapshotOf(epoch: number, certificate: Uint8Array): NamedSnapshot {
    const checkpoint = this.clientOf(epoch).verifyCertificate(certificate)
    if (isSameBytes(checkpoint.snapshotRoot, ZERO))
      throw new SynchronizerError('SYNCHRONIZER_MALFORMED', 'a certificate that names no snapshot')
    return { root: checkpoint.snapshotRoot, epoch, final: this.#finals.get(epoch - 1) }
  }
}
