/**
 * Follows the ledger from a pinned committee. It trusts the committee of one epoch; the last certificate of that epoch names the next.
 *
 * Invariant: `committee` is that of `epoch`, by an unbroken chain of certificates from what was pinned. Whoever starts from an old pin
 * must know that its members could have sold their keys since: pin something younger than the unbonding time.
 */
import { type BlsKeyring, createBlsKeyring } from '@selvedge/crypto/bls'
import { CryptoError } from '@selvedge/crypto'
import {
  type BlockCertificate,
  type Checkpoint,
  checkpointSigningBytes,
  decodeBlockCertificate,
  CHECKPOINT_BYTES,
} from '../blocks/checkpoint.ts'
import { type CommitteeMember, committeeRoot, decodeCommittee, quorumOf } from '../blocks/committee.ts'
import { isSameBytes, toHex } from '../bytes.ts'
import { LedgerError } from '../errors.ts'
import { parseGenesis } from '../genesis/parse.ts'
import { committeeOfGenesis } from '../genesis/rules.ts'
import { verifyGenesis } from '../genesis/verify.ts'
import type { Digest } from '../hash.ts'
import { decodeEpochProof } from './epoch-proof.ts'

export interface LightClientOptions {
  readonly chainId: number
  /** Epoch whose committee is trusted. */
  readonly epoch: number
  /** Its members, in authority order, from anywhere: `committeeRoot` decides. */
  readonly committee: readonly CommitteeMember[]
  /** 32 bytes that are pinned; without it `committee` itself is what is trusted. */
  readonly committeeRoot?: Digest
}

export interface LightClient {
  readonly chainId: number
  /** The one whose committee is known. */
  readonly epoch: number
  readonly committee: readonly CommitteeMember[]
  readonly committeeRoot: Digest
  /** The highest that was verified. */
  readonly checkpoint: Checkpoint | undefined
  /**
   * Checks a block certificate of `epoch`: one pairing check.
   * @throws {LedgerError} `LEDGER_MALFORMED`, `LEDGER_BAD_CERTIFICATE`
   */
  verifyCertificate(certificate: Uint8Array): Checkpoint
  /**
   * Moves on to the next epoch by its proof (`encodeEpochProof`): the final certificate of this epoch, and the committee that it names.
   * @throws {LedgerError} `LEDGER_MALFORMED`, `LEDGER_BAD_CERTIFICATE`; then nothing has changed.
   */
  advance(epochProof: Uint8Array): Checkpoint
}

/**
 * @throws {LedgerError} `LEDGER_BAD_CERTIFICATE` when the members are not those of the pinned root, or have no usable keys.
 * @example const client = createLightClient({ chainId: 1337, epoch: 7, committee, committeeRoot: pinned })
 */
export function createLightClient(options: LightClientOptions): LightClient {
  const { chainId } = options
  let seat = takeSeat(options.epoch, options.committee, options.committeeRoot)
  let newest: Checkpoint | undefined

  const verify = (certificate: Uint8Array): Checkpoint => {
    const { checkpoint, signers, aggregate } = decodeBlockCertificate(certificate, seat.members.length)
    const fault = certificateFaultOf({ checkpoint, signers, aggregate }, certificate.subarray(0, CHECKPOINT_BYTES), seat, chainId)
    if (fault !== undefined) throw badCertificate(fault)
    return checkpoint
  }

  const keep = (checkpoint: Checkpoint): Checkpoint => {
    if (newest !== undefined && checkpoint.height > newest.height && checkpoint.timestampMs < newest.timestampMs) {
      throw badCertificate('its time is before that of a lower block')
    }
    if (newest === undefined || checkpoint.height > newest.height) newest = checkpoint
    else if (checkpoint.height === newest.height && !isSameBytes(checkpoint.blockDigest, newest.blockDigest)) {
      throw badCertificate(`two blocks of height ${checkpoint.height} are certified: more than a third of the committee has signed both`)
    }
    return checkpoint
  }

  return {
    chainId,
    get epoch() {
      return seat.epoch
    },
    get committee() {
      return seat.members
    },
    get committeeRoot() {
      return seat.root
    },
    get checkpoint() {
      return newest
    },
    verifyCertificate: (certificate) => keep(verify(certificate)),
    advance(epochProof) {
      const { certificate, committee } = decodeEpochProof(epochProof)
      const checkpoint = verify(certificate)
      if (!checkpoint.isFinal) throw badCertificate(`block ${checkpoint.height} is not the last of its epoch`)
      const next = takeSeat(checkpoint.epoch + 1, decodeCommittee(committee), checkpoint.nextCommitteeRoot)
      keep(checkpoint)
      seat = next
      return checkpoint
    },
  }
}

/**
 * A light client that trusts a genesis file and nothing else.
 * @param genesisHash - SHA-256 of the file, which is what is pinned.
 * @throws {LedgerError} `LEDGER_BAD_GENESIS`
 */
export function createLightClientOfGenesis(genesisFile: Uint8Array, genesisHash: Digest): LightClient {
  const genesis = parseGenesis(genesisFile)
  if (!isSameBytes(genesis.hash, genesisHash)) {
    throw new LedgerError('LEDGER_BAD_GENESIS', `the file has hash ${toHex(genesis.hash)}, not the pinned ${toHex(genesisHash)}`)
  }
  verifyGenesis(genesis)
  return createLightClient({ chainId: genesis.chainId, epoch: 0, committee: committeeOfGenesis(genesis) })
}

/** A committee in its epoch, its keys parsed once. */
interface Seat {
  readonly epoch: number
  readonly members: readonly CommitteeMember[]
  readonly root: Digest
  readonly quorum: number
  readonly keyring: BlsKeyring
}

function takeSeat(epoch: number, members: readonly CommitteeMember[], pinned: Digest | undefined): Seat {
  const root = committeeRoot(members)
  if (pinned !== undefined && !isSameBytes(root, pinned)) throw badCertificate('the committee is not the one that is pinned')
  return { epoch, members, root, quorum: quorumOf(members), keyring: keyringOf(members) }
}

function keyringOf(members: readonly CommitteeMember[]): BlsKeyring {
  try {
    return createBlsKeyring(members.map(({ blsKey }) => blsKey))
  } catch (error) {
    if (!(error instanceof CryptoError) || error.code !== 'CRYPTO_BAD_KEY') throw error
    throw new LedgerError('LEDGER_BAD_CERTIFICATE', 'a member of the committee has no BLS key', {}, { cause: error })
  }
}

/** Cheap things first: the pairing check is last. */
function certificateFaultOf(
  { checkpoint, signers, aggregate }: BlockCertificate,
  signed: Uint8Array,
  { epoch, root, members, quorum, keyring }: Seat,
  chainId: number,
): string | undefined {
  if (checkpoint.chainId !== chainId) return `it is of chain ${checkpoint.chainId}, not ${chainId}`
  if (checkpoint.epoch !== epoch) return `it is of epoch ${checkpoint.epoch}, not ${epoch}`
  if (!isSameBytes(checkpoint.committeeRoot, root)) return 'it names another committee'
  const stake = signers.reduce((sum, signer) => sum + members[signer]!.stake, 0)
  if (stake < quorum) return `its signers have stake ${stake} of the ${quorum} that a quorum has`
  return keyring.isAggregate(aggregate, checkpointSigningBytes(signed), signers) ? undefined : 'its signature is not that of its signers'
}

function badCertificate(why: string): LedgerError {
  return new LedgerError('LEDGER_BAD_CERTIFICATE', `certificate proves nothing: ${why}`)
}
