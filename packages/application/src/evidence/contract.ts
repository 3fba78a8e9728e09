/**
 * What the state machine asks of order about its own evidence. It is handed in where both are composed, since neither room imports the
 * other; whoever brings it brings a pure and total function, the same on every member.
 */
export interface EvidenceMember {
  /** Ed25519, 32 bytes. */
  readonly key: Uint8Array
  /** 48 bytes. */
  readonly blsKey: Uint8Array
  readonly stake: number
}

export interface EvidenceRules {
  /** Epoch and authority that `bytes` accuses; `undefined` for what is no evidence in its one form. Proves nothing yet. */
  accusedBy(bytes: Uint8Array): { readonly epoch: number; readonly authority: number } | undefined
  /** Whether both signatures are good under the committee of that epoch, in authority order. */
  isProven(bytes: Uint8Array, chainId: number, epoch: number, committee: readonly EvidenceMember[]): boolean
}
