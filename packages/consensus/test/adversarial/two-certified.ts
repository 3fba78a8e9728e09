/** Over budget: whoever holds the proof that the quorum is broken must have halted. The proof is sought by brute force, for itself. */
import type { Vertex } from '../../src/dag/contract.ts'
import type { Config } from './config.ts'
import type { Member } from './member.ts'
import type { Referee } from './referee.ts'

export function expectProofsHeeded(config: Config, members: readonly Member[], referee: Referee): void {
  if (config.mode === 'certified') return // the rule says so at the second certificate: Referee.onConflict
  for (const member of members) {
    const { dag, lastCommittedRound } = member.rule
    for (let round = lastCommittedRound + 1; round <= dag.highestRound - 2; round++) {
      const proof = Array.from({ length: config.setup.leadersPerRound }, (_, rank) => member.rule.leaderOf(round, rank))
        .map((leader) => dag.slot(round, leader!).filter((block) => isCommittable(block, member, config)))
        .find((blocks) => blocks.length > 1)
      if (proof !== undefined) referee.expectHalted(member, `two certified blocks in ${round}.${proof[0]!.author}`)
    }
  }
}

/** Whether authors of stake Q hold certificates for `block`: votes and certificates counted from their definitions. */
function isCommittable(block: Vertex, { rule: { dag } }: Member, { setup, quorum }: Config): boolean {
  const stakeOf = (blocks: readonly Vertex[]): number => {
    return setup.stakes.reduce((sum, stake, author) => sum + (blocks.some((each) => each.author === author) ? stake : 0), 0)
  }
  const isVote = (voter: Vertex): boolean => {
    return voter.parents.find(({ round, author }) => round === block.round && author === block.author)?.key === block.key
  }
  const isCertifier = (certifier: Vertex): boolean => {
    const named = certifier.parents.filter(({ round }) => round === block.round + 1).map(({ key }) => dag.get(key)!)
    return stakeOf(named.filter(isVote)) >= quorum
  }
  return stakeOf(dag.round(block.round + 2).filter(isCertifier)) >= quorum
}
