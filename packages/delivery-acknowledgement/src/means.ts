/** What stands behind an account for one node, of the ledger's state: the node serves it for no more. In µUSD. */
export interface AccountMeans {
  readonly clientIndex: number
  /** Prepaid, less what is on its way out. */
  readonly free: bigint
  /** What all nodes together may take of it in this epoch, beside reserves. */
  readonly epochCap: bigint
  /** Delegations below have ended. */
  readonly minNonce: bigint
  /** Set aside for this node alone. */
  readonly reserve: bigint
  /** Nodes that the account paid in the epoch that was settled last. */
  readonly creditors: number
}
