/** What must hold, and what did not. The job goes on after a failure, so that one run shows all of them. */
export interface Checks {
  /** Remembers `what` where it does not hold. */
  that(holds: boolean, what: string): void
  readonly failures: readonly string[]
}

export function createChecks(): Checks {
  const failures: string[] = []
  return {
    failures,
    that: (holds, what) => {
      if (!holds) failures.push(what)
    },
  }
}
