/** The invariants of a whole core by messages, as a simulation names them. */
export type Invariant = 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I8' | 'I9' | 'I10' | 'I11' | 'I12' | 'I13'

/** Thrown by the referee: the one way in which a schedule fails. */
export class Broken extends Error {
  override readonly name = 'Broken'
  readonly invariant: Invariant
  constructor(invariant: Invariant, what: string) {
    super(`${invariant}: ${what}`)
    this.invariant = invariant
  }
}

export function expectThat(holds: boolean, invariant: Invariant, what: () => string): asserts holds {
  if (!holds) throw new Broken(invariant, what())
}
