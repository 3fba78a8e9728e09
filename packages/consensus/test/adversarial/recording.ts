/** A schedule without its generator: what the members were made to do. Parts of it are a schedule too, which is how a failure is shrunk. */
import { shrink } from '@selvedge/simulator'
import { type Config, type RuleMaker } from './config.ts'
import { Member } from './member.ts'
import type { Pool } from './pool.ts'
import { Broken, type Invariant, Referee } from './referee.ts'

export type Action =
  | { readonly type: 'deliver'; readonly member: number; readonly vertex: number }
  | { readonly type: 'commit'; readonly member: number; readonly limit: number | undefined }
  | { readonly type: 'crash'; readonly member: number; readonly lostMax: number; readonly tryFirst: boolean }

export interface Recording {
  readonly config: Config
  readonly pool: Pool
  readonly actions: readonly Action[]
}

/** Plays `actions`; a vertex whose parents were left out stays parked. @returns what broke first */
export function replay(
  { config, pool }: Recording,
  actions: readonly Action[],
  makerOf: (self: number, config: Config) => RuleMaker,
): Broken | undefined {
  const members = new Map(config.honest.map((self) => [self, new Member(self, config, makerOf(self, config))]))
  const referee = new Referee(config, pool)
  try {
    for (const action of actions) {
      const member = members.get(action.member)!
      if (action.type === 'deliver') {
        const { conflict } = member.accept(pool.vertices[action.vertex]!)
        if (conflict !== undefined) referee.onConflict(member, conflict)
      } else if (action.type === 'commit') {
        referee.onCommits(member, member.commit(action.limit))
        member.accept()
      } else for (const lost of member.crash(action.lostMax, action.tryFirst)) member.accept(lost)
    }
    return undefined
  } catch (error) {
    if (error instanceof Broken) return error
    return new Broken('I9', error instanceof Error ? error.message : String(error))
  }
}

/** A list without a needless action that breaks the same invariant. */
export function shrinkRecording(
  recording: Recording,
  invariant: Invariant,
  makerOf: (self: number, config: Config) => RuleMaker,
): readonly Action[] {
  return shrink(recording.actions, (actions) => replay(recording, actions, makerOf)?.invariant === invariant).decisions
}

export function describeActions({ pool }: Recording, actions: readonly Action[]): string {
  const nameOf = (index: number): string => {
    const { round, author } = pool.vertices[index]!
    return `${round}.${author}#${index}`
  }
  return actions
    .map((action) => {
      if (action.type === 'deliver') return `${action.member} <- ${nameOf(action.vertex)}`
      return action.type === 'commit' ? `${action.member} commits` : `${action.member} crashes`
    })
    .join(', ')
}
