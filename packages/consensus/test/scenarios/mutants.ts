/**
 * Planted bugs of the cores: what only messages, syncs and restarts can bring to light. Every member that is honest runs them (class
 * `safety`), and an invariant must break under schedules of whole cores. With a `reason`, nothing can break (class `equivalent`).
 */
import type { Mode } from '../../src/dag/contract.ts'
import type { Mutant } from '../adversarial/patch.ts'

type Patch = Pick<Mutant, 'id' | 'file' | 'find' | 'put' | 'reason'>

const certified: readonly Patch[] = [
  {
    id: 'votes-twice-for-a-slot',
    file: 'core/voter.ts',
    find: 'if (header.round <= (this.#lastVotes.get(header.author)?.round ?? 0)) return',
    put: 'if (header.round < (this.#lastVotes.get(header.author)?.round ?? 0)) return',
  },
  {
    id: 'vote-is-not-kept',
    file: 'core/voter.ts',
    find: 'context.persist({ kind: "voted", key: `${author}`, author, round, bytes: bodyOf(frame) })',
    put: '',
  },
  {
    id: 'vote-is-said-before-it-is-kept',
    file: 'core/voter.ts',
    find: 'context.persist({ kind: "voted", key: `${author}`, author, round, bytes: bodyOf(frame) })',
    put: 'context.send(author, { type: "vote", vote }); context.persist({ kind: "voted", key: `${author}`, author, round, bytes: bodyOf(frame) })',
  },
  { id: 'last-votes-are-not-read', file: 'core/voter.ts', find: 'this.#lastVotes.set(vote.author, vote)', put: '' },
  {
    id: 'certificate-at-validity',
    file: 'core/vote-aggregator.ts',
    find: 'committee.stakeOf(good.map(({ voter }) => voter)) < committee.quorum',
    put: 'committee.stakeOf(good.map(({ voter }) => voter)) < committee.validity',
  },
  {
    id: 'certificate-above-quorum',
    file: 'core/vote-aggregator.ts',
    find: 'committee.stakeOf(good.map(({ voter }) => voter)) < committee.quorum',
    put: 'committee.stakeOf(good.map(({ voter }) => voter)) <= committee.quorum',
  },
  {
    id: 'takes-certificates-above-quorum',
    file: 'wire/verify.ts',
    find: 'committee.stakeOf(signers) < committee.quorum',
    put: 'committee.stakeOf(signers) <= committee.quorum',
  },
  {
    id: 'round-above-quorum',
    file: 'core/certificate-intake.ts',
    find: 'rule.dag.stakeAt(header.round) >= context.committee.quorum',
    put: 'rule.dag.stakeAt(header.round) > context.committee.quorum',
  },
  {
    id: 'headers-of-parents-above-quorum',
    file: 'wire/check.ts',
    find: 'committee.stakeOf(authorsOf(parents)) >= committee.quorum',
    put: 'committee.stakeOf(authorsOf(parents)) > committee.quorum',
  },
  {
    id: 'executes-system-transactions-again',
    file: 'core/ordered-once.ts',
    find: "item.type === 'system' && this.#isFirst(item.author, item.bytes)",
    put: "item.type === 'system'",
  },
  {
    id: 'own-vote-counts-twice',
    file: 'core/vote-aggregator.ts',
    find: 'committee.stakeOf(good.map(({ voter }) => voter)) < committee.quorum',
    put: 'good.length + 1 < committee.quorum',
  },
  {
    id: 'takes-certificates-at-validity',
    file: 'wire/verify.ts',
    find: 'committee.stakeOf(signers) < committee.quorum',
    put: 'committee.stakeOf(signers) < committee.validity',
  },
  {
    id: 'votes-of-certificates-are-not-checked',
    file: 'wire/verify.ts',
    find: "areSigned ? undefined : 'voteSignature'",
    put: 'undefined',
  },
  {
    id: 'signs-headers-again-after-a-restart',
    file: 'core/certified-core.ts',
    find: 'proposer.resume(lastRound)',
    put: 'proposer.resume(Math.max(0, lastRound - 2))',
  },
  {
    id: 'header-is-said-before-it-is-kept',
    file: 'core/proposer.ts',
    find: 'context.persist({ kind: "proposed", key: `${round}`, round, author: context.self, bytes })',
    put: '',
  },
  {
    id: 'certificates-without-their-parents',
    file: 'core/certificate-intake.ts',
    find: 'if (missing.length === 0) return this.#insert(candidate)',
    put: 'return this.#insert(candidate)',
  },
  { id: 'never-fetches-certificates', file: 'core/certificate-intake.ts', find: 'this.#fetcher.advance()', put: '' },
  {
    id: 'orphans-are-not-proposed-again',
    file: 'core/certified-core.ts',
    find: 'this.#parts.ownBatches.putBack(contents.flatMap(({ payload }) => payload))',
    put: '',
  },
  {
    id: 'own-batches-are-not-taken-up-again',
    file: 'core/own-batches.ts',
    find: 'const encoded = isExecuted(key) ? undefined : store.get("batch", key)',
    put: 'const encoded = undefined as Uint8Array | undefined',
  },
  {
    id: 'proposes-twice-in-a-round',
    file: 'core/proposer.ts',
    find: 'this.#lastRound > round || maySign',
    put: 'this.#lastRound > round + 1 || maySign',
  },
  {
    id: 'round-of-a-validity',
    file: 'core/certificate-intake.ts',
    find: 'rule.dag.stakeAt(header.round) >= context.committee.quorum',
    put: 'rule.dag.stakeAt(header.round) >= context.committee.validity',
  },
  {
    id: 'accepted-is-said-before-the-batch-is-kept',
    file: 'core/own-batches.ts',
    find: 'this.#index.add(key, { author: self, worker, bytes: bytes.length })',
    put: 'this.#index.add(key, { author: self, worker, bytes: bytes.length }); this.#context.push({ type: "accepted", count: transactions.length })',
  },
  {
    id: 'parking-lets-go-at-the-first-arrival',
    file: 'core/parking.ts',
    find: 'if (waiting.missing.size === 0) complete.push(waiting)',
    put: 'complete.push(waiting)',
  },
  {
    id: 'floor-above-quorum',
    file: 'core/floor.ts',
    find: 'Math.min(committee.quorum, committee.totalStake - committee.stakes[self]!)',
    put: 'committee.totalStake - committee.stakes[self]!',
  },
  {
    id: 'forgets-the-dag-at-a-restart',
    file: 'core/certified-core.ts',
    find: "of store.entries('certificate', rule.gcRound)",
    put: 'of [] as { bytes: Uint8Array }[]',
    reason:
      'the records stay on disk and are served, so everybody, this one too, gets the graph back by ranges and by names; a halt is not found again (certified.hostile.test.ts)',
  },
]

const uncertified: readonly Patch[] = [
  { id: 'emits-before-it-is-kept', file: 'core/emitter.ts', find: 'context.persist()', put: '' },
  {
    id: 'block-is-said-before-it-is-kept',
    file: 'core/block-proposer.ts',
    find: 'context.persist({ kind: "proposed", key: LAST_KEY, bytes: new ByteWriter(40).u64(round).digest(digest).finish() })',
    put: '',
  },
  {
    id: 'fills-rounds-that-were-proposed',
    file: 'core/block-proposer.ts',
    find: 'let round = Math.max(this.#lastRound, floorRound) + 1',
    put: 'let round = Math.max(this.#lastRound, floorRound, 1)',
  },
  {
    id: 'blocks-without-their-ancestors',
    file: 'core/block-manager.ts',
    find: 'const missing = this.#missingOf(incoming); if (missing.length === 0)',
    put: 'const missing = this.#missingOf(incoming); if (missing.length < 100)',
  },
  {
    id: 'proposes-over-a-validity',
    file: 'core/block-proposer.ts',
    find: 'const { quorum } = context.committee',
    put: 'const { validity: quorum } = context.committee',
  },
  {
    id: 'proposes-above-a-quorum',
    file: 'core/block-proposer.ts',
    find: 'const { quorum } = context.committee',
    put: 'const quorum = context.committee.quorum + 1',
  },
  {
    id: 'blocks-of-ancestors-above-quorum',
    file: 'wire/check.ts',
    find: 'committee.stakeOf(authorsOf(ancestors, round - 1)) >= committee.quorum',
    put: 'committee.stakeOf(authorsOf(ancestors, round - 1)) > committee.quorum',
  },
  {
    id: 'executes-system-transactions-again',
    file: 'core/system-once.ts',
    find: 'if (here.has(key) || (this.#firsts.get(key) ?? index) !== index) return false',
    put: '',
  },
  {
    id: 'proposes-twice-in-a-round',
    file: 'core/block-proposer.ts',
    find: 'this.#lastRound >= next || isCatchingUp()',
    put: 'this.#lastRound > next || isCatchingUp()',
  },
  {
    id: 'blocks-are-not-kept',
    file: 'core/block-manager.ts',
    find: 'context.note({ kind: "block", key, round: vertex.round, author: vertex.author, bytes })',
    put: '',
  },
  {
    id: 'accepted-is-said-before-the-block-is-kept',
    file: 'core/block-proposer.ts',
    find: 'if (onProposed(signed, bytes) === undefined)',
    put: 'if (untoldCount > 0) context.push({ type: "accepted", count: untoldCount })\nif (onProposed(signed, bytes) === undefined)',
  },
  { id: 'orphans-are-not-proposed-again', file: 'core/own-transactions.ts', find: 'this.#orphans.push(own)', put: '' },
  { id: 'own-commits-are-not-noted', file: 'core/block-order.ts', find: 'this.own.committed(vertex.key, index)', put: '' },
  { id: 'state-is-not-kept-over-a-gap', file: 'core/uncertified.ts', find: 'this.#order.keepState()', put: 'void 0' },
  { id: 'arrivals-wake-nobody', file: 'core/block-manager.ts', find: 'this.#arrived.push(key)', put: '' },
  {
    id: 'floor-is-zero-whatever-is-shown',
    file: 'core/floor.ts',
    find: 'return provenMax === 0 && ownMax === 0 ? 0 : Math.max(provenMax + 2, ownMax)',
    put: 'return 0',
  },
  {
    id: 'waits-for-collected-ancestors',
    file: 'core/block-manager.ts',
    find: 'if (ancestor.round <= rule.gcRound) continue',
    put: '',
  },
  {
    id: 'ancestors-of-another-round',
    file: 'core/block-proposer.ts',
    find: 'this.#latestOf(author, round - 1)',
    put: 'this.#latestOf(author, round - 2)',
  },
  { id: 'never-fetches-blocks', file: 'core/uncertified.ts', find: 'this.#fetcher.advance()', put: '' },
  { id: 'stands-still-where-nothing-comes', file: 'core/uncertified.ts', find: 'this.#watch()', put: '' },
  {
    id: 'floor-above-quorum',
    file: 'core/floor.ts',
    find: 'Math.min(committee.quorum, committee.totalStake - committee.stakes[self]!)',
    put: 'committee.totalStake - committee.stakes[self]!',
    reason: 'who does not know its floor signs nothing, so it tells nobody that anything is accepted, and counts among the faulty',
  },
  {
    id: 'parking-lets-go-at-the-first-arrival',
    file: 'core/parking.ts',
    find: 'if (waiting.missing.size === 0) complete.push(waiting)',
    put: 'complete.push(waiting)',
    reason: 'a block that is let go is looked at again, found incomplete and parked again',
  },
]

const both: readonly Patch[] = [
  {
    id: 'floor-of-validity',
    file: 'core/floor.ts',
    find: 'Math.min(committee.quorum, committee.totalStake - committee.stakes[self]!)',
    put: 'committee.validity',
  },
  { id: 'emits-from-the-start-again', file: 'core/emitter.ts', find: 'this.#emitted = lastApplied', put: 'this.#emitted = 0' },
  {
    id: 'emits-what-was-recorded-last',
    file: 'core/emitter.ts',
    find: 'this.#emitted = lastApplied',
    put: 'this.#emitted = Math.max(recorded, lastApplied)',
  },
  {
    id: 'parking-forgets-who-waits',
    file: 'core/parking.ts',
    find: 'else ids.add(id)',
    put: '',
  },
  {
    id: 'floor-is-not-asked-for',
    file: 'core/floor.ts',
    find: 'if (context.setup.isFirstBoot) this.#slot = undefined',
    put: 'if (context.setup.isFirstBoot) this.#slot = 0',
  },
]

const madeOf =
  (mode: Mode) =>
  (patch: Patch): Mutant => ({ ...patch, id: `${mode}/${patch.id}`, mode, class: patch.reason === undefined ? 'safety' : 'equivalent' })

export const coreMutants: readonly Mutant[] = [
  ...[...certified, ...both].map(madeOf('certified')),
  ...[...uncertified, ...both].map(madeOf('uncertified')),
]
