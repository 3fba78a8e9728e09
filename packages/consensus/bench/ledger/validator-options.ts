/**
 * How the bench's validators are set: one machine, loopback. Signed transactions have a verifier beside; opaque ones nothing in them to check.
 * The same for every row and mode, so that no row is bought with another.
 */

export const LEADER_TIMEOUT_MS_MAX = 250
export const SCHEDULE_COMMITS = 100

export const VALIDATOR_OPTIONS: {
  readonly batchBytesMax: number
  readonly batchDelayMsMax: number
  readonly idleDelayMsMax: number
  readonly roundDelayMsMin: number
  readonly roundDelayMsMax: number
  readonly leaderTimeoutMsMin: number
  readonly leaderTimeoutMsMax: number
} = {
  batchBytesMax: 500_000,
  batchDelayMsMax: 50,
  idleDelayMsMax: 50,
  roundDelayMsMin: 6,
  roundDelayMsMax: 50,
  leaderTimeoutMsMin: 100,
  leaderTimeoutMsMax: LEADER_TIMEOUT_MS_MAX,
}
