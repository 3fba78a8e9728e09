/**
 * What one member's order meets, found out beside it: the shipped rule over the vertices that the member took, in its order, commit by
 * commit. Tells of each leader that was committed by a later one, where its commit ends a schedule: whoever follows in the walk back from
 * that later one was found under a schedule that is over, and is elected anew.
 */
import type { StoredRecord } from '../../src/core/contract.ts'
import { candidateOf, vertexOf } from '../../src/core/certified-vertex.ts'
import { vertexOfBlock } from '../../src/core/block-vertex.ts'
import { createBullsharkRule } from '../../src/dag/bullshark-rule.ts'
import type { CommitRule, Mode, OrderSetup, Vertex } from '../../src/dag/contract.ts'
import { createMysticetiRule } from '../../src/dag/mysticeti-rule.ts'
import { blockDigest, decodeSignedBlock } from '../../src/wire/block.ts'
import { toHex } from '../../src/wire/bytes.ts'
import { decodeCertificate } from '../../src/wire/certificate.ts'
import { type Committee, createCommittee } from '../../src/wire/committee.ts'
import type { Authority } from '../../src/wire/types.ts'
import { BEACON, CHAIN_ID, EPOCH, GENESIS_HASH, GENESIS_MS } from './member.ts'
import { CORE_OPTIONS, type TimedWorld } from './timed-world.ts'

export interface Crossing {
  /** Of the leader whose commit ended the schedule. */
  readonly round: number
  /** That elected it. */
  readonly version: number
}

/** The rule of a world's epoch, with nothing in it yet. */
export function ruleOf({ options, committee }: TimedWorld): CommitRule<Mode> {
  const setup: OrderSetup = {
    chainId: CHAIN_ID,
    epoch: EPOCH,
    genesisHash: GENESIS_HASH,
    stakes: committee.members.map(({ stake }) => stake),
    beacon: BEACON,
    previous: { subDagDigest: GENESIS_HASH, timestampMs: GENESIS_MS },
    ...CORE_OPTIONS.parameters,
    ...options.core?.parameters,
  }
  return options.mode === 'certified' ? createBullsharkRule(setup) : createMysticetiRule(setup)
}

export class OrderWatch {
  readonly rule: CommitRule<Mode>
  readonly #committee: Committee
  readonly #onCrossing: (crossing: Crossing) => void
  /** Steps of the member's own core in which its order went on: rounds committed before and after. */
  readonly #strides: { readonly from: number; readonly to: number }[] = []

  constructor(world: TimedWorld, watched: Authority, onCrossing: (crossing: Crossing) => void) {
    this.#committee = createCommittee(world.committee.members)
    this.#onCrossing = onCrossing
    this.rule = ruleOf(world)
    const member = world.member(watched)
    let from = 0
    member.stepped = ({ gauges: { lastCommittedRound: to } }) => {
      if (to > from) this.#strides.push({ from, to })
      from = to
    }
    member.kept = (records) => {
      for (const record of records) this.#take(record)
    }
  }

  #take(record: StoredRecord): void {
    const vertex = vertexIn(record, this.#committee.size)
    if (vertex === undefined || this.rule.insert(vertex) !== 'added') return
    for (;;) {
      const { scheduleVersion } = this.rule
      const [commit] = this.rule.tryCommit(1)
      if (commit === undefined) return
      const leader = this.rule.dag.get(toHex(commit.subDag.leader.digest))!
      if (this.rule.scheduleVersion === scheduleVersion || this.#isDirect(leader)) continue
      const { round } = leader
      // the member itself found it together with something later
      const isWithin = this.#strides.some(({ from, to }) => from < round && (this.rule.mode === 'certified' ? round < to : round <= to))
      if (isWithin) this.#onCrossing({ round, version: commit.subDag.scheduleVersion })
    }
  }

  /** Whether what is here commits `leader` by itself. */
  #isDirect(leader: Vertex): boolean {
    const { dag, mode } = this.rule
    if (mode === 'certified') return dag.supportOf(leader) >= this.#committee.validity
    const certifiers = dag.round(leader.round + 2).filter((each) => this.#stakeFor(leader, each) >= this.#committee.quorum)
    return this.#committee.stakeOf(certifiers.map(({ author }) => author)) >= this.#committee.quorum
  }

  /** Of the blocks that `certifier` names and that vote for `leader`; nobody makes two blocks of a slot here. */
  #stakeFor(leader: Vertex, certifier: Vertex): number {
    const { dag } = this.rule
    const named = certifier.parents.filter(({ round }) => round === leader.round + 1)
    const voters = named.filter(({ key }) => dag.get(key)?.parents.some((parent) => parent.key === leader.key))
    return this.#committee.stakeOf(voters.map(({ author }) => author))
  }
}

function vertexIn({ kind, bytes }: StoredRecord, size: number): Vertex | undefined {
  if (kind === 'certificate') return vertexOf(candidateOf(decodeCertificate(bytes, size), bytes, CHAIN_ID))
  if (kind !== 'block') return undefined
  const { block } = decodeSignedBlock(bytes)
  const digest = blockDigest(CHAIN_ID, block)
  return vertexOfBlock(block, digest, toHex(digest))
}
