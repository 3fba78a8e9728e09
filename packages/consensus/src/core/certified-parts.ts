/** The parts of a certified core and how they hang together. Each knows the others by what it needs of them, and none knows the core. */
import { createBullsharkRule } from '../dag/bullshark-rule.ts'
import type { CommitRule } from '../dag/contract.ts'
import type { Digest, SignedHeader } from '../wire/types.ts'
import { headerDigest } from '../wire/header.ts'
import { createVerifiedSignatures, isHeaderSigned, type SignatureContext } from '../wire/verify.ts'
import { BatchIndex } from './batch-index.ts'
import { CatchUp } from './catch-up.ts'
import { CertificateIntake } from './certificate-intake.ts'
import type { VertexContent } from './certified-vertex.ts'
import { Checkpoints } from './checkpoints.ts'
import type { CoreContext } from './context.ts'
import { EvidencePool } from './evidence-pool.ts'
import { RoundTrip } from './fetching.ts'
import { Floor } from './floor.ts'
import { HeaderSlots } from './header-slots.ts'
import { OrderedOnce } from './ordered-once.ts'
import { Ordering } from './ordering.ts'
import { OwnBatches } from './own-batches.ts'
import { OwnHeaders } from './own-headers.ts'
import { PeerBatches } from './peer-batches.ts'
import { Proposer } from './proposer.ts'
import { Repeater } from './repeater.ts'
import { readSubDagState } from './sub-dag-record.ts'
import { VoteAggregator } from './vote-aggregator.ts'
import { Voter } from './voter.ts'

export interface CertifiedParts {
  readonly context: CoreContext
  readonly rule: CommitRule<'certified'>
  readonly signatures: SignatureContext
  readonly evidence: EvidencePool
  readonly floor: Floor
  readonly checkpoints: Checkpoints
  readonly slots: HeaderSlots
  readonly intake: CertificateIntake
  readonly catchUp: CatchUp
  readonly index: BatchIndex
  readonly once: OrderedOnce
  readonly ownBatches: OwnBatches
  readonly peerBatches: PeerBatches
  readonly ownHeaders: OwnHeaders
  readonly aggregator: VoteAggregator
  readonly voter: Voter
  readonly ordering: Ordering
  readonly proposer: Proposer
  readonly repeater: Repeater
  /** Index of the last sub-DAG that the store holds. */
  readonly recorded: number
}

/** What the parts ask of the core. */
export interface CertifiedHooks {
  readonly maySign: (round: number) => boolean | undefined
  readonly hasWork: () => boolean
  readonly takeContent: () => VertexContent
  readonly orphaned: (contents: readonly VertexContent[]) => void
  readonly proposed: (signed: SignedHeader, digest: Digest) => void
}

export function createCertifiedParts(context: CoreContext, hooks: CertifiedHooks): CertifiedParts {
  const { setup, committee, settings, store } = context
  const { lastIndex: recorded, snapshot } = readSubDagState(store, setup.lastApplied)
  const { chainId, epoch, genesisHash, beacon, previous } = setup
  const { gcDepth, scheduleCommits } = settings
  const order = { chainId, epoch, genesisHash, beacon, previous, stakes: committee.stakes, gcDepth, scheduleCommits }
  const rule = createBullsharkRule(order, snapshot)
  const signatures: SignatureContext = { committee, isSigned: context.crypto.isSigned, verified: createVerifiedSignatures() }
  const evidence = new EvidencePool(context)
  const slots = new HeaderSlots(evidence, (signed) => isHeaderSigned(signed, headerDigest(chainId, signed.header), signatures))
  const roundTrip = new RoundTrip()
  const catchUp: CatchUp = new CatchUp({ context, rule, quorumRoundOf: () => intake.quorumRound })
  const intake: CertificateIntake = new CertificateIntake({ context, rule, signatures, slots, evidence, roundTrip, catchUp })
  const index = new BatchIndex(store)
  const once = new OrderedOnce(index)
  const ownBatches = new OwnBatches(context, index)
  const peerBatches = new PeerBatches(context, index, roundTrip)
  const ownHeaders = new OwnHeaders()
  const aggregator = new VoteAggregator(context, signatures, evidence)
  const { maySign, hasWork, takeContent, orphaned, proposed } = hooks
  const voter = new Voter({ context, rule, signatures, slots, intake, index, batches: peerBatches, maySign })
  const ordering = new Ordering({ context, rule, intake, evidence, index, once, ownBatches, peerBatches, ownHeaders, orphaned }, recorded)
  const quorumRoundOf = (): number => intake.quorumRound
  const times = { certificates: aggregator.durations, checks: peerBatches.checks }
  const proposer = new Proposer({ context, rule, quorumRoundOf, maySign, hasWork, takeContent, times, proposed })
  const repeater = new Repeater({ context, roundTrip, aggregator, catchUp, quorumRoundOf, lastRoundOf: () => proposer.lastRound })
  return {
    context,
    rule,
    signatures,
    evidence,
    floor: new Floor(context),
    checkpoints: new Checkpoints(context, evidence),
    slots,
    intake,
    catchUp,
    index,
    once,
    ownBatches,
    peerBatches,
    ownHeaders,
    aggregator,
    voter,
    ordering,
    proposer,
    repeater,
    recorded,
  }
}
