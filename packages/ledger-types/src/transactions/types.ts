/** Transactions as values. Layouts stand with the codecs of this folder. */

/** What an account signs: an Ethereum transaction, so that every wallet can. */
export interface AccountTransaction {
  readonly form: 'eip1559' | 'legacy'
  readonly chainId: number
  /** u64: the first is 0, each next one higher. */
  readonly nonce: bigint
  /** Wei. Accepted and never charged; 0 in legacy ones. */
  readonly maxPriorityFeePerGas: bigint
  /** Wei; `gasPrice` of a legacy one. */
  readonly maxFeePerGas: bigint
  /** u64. */
  readonly gasLimit: bigint
  /** 20 bytes. */
  readonly to: Uint8Array
  /** Wei. */
  readonly value: bigint
  readonly data: Uint8Array
  /** `r ‖ s`, 64 bytes. */
  readonly signature: Uint8Array
  /** Parity of the signature's point. */
  readonly v: 0 | 1
}

/** What a registered node signs with its Ed25519 key. */
export interface NodeTransaction {
  readonly form: 'node'
  readonly chainId: number
  readonly nodeIndex: number
  /** u64: within a window of 64. */
  readonly nonce: bigint
  /** One of `NODE_KINDS`. */
  readonly kind: number
  readonly body: Uint8Array
  /** 64 bytes. */
  readonly signature: Uint8Array
}

/** What a member of the committee says in a header: never sent as a transaction, it stands so in `txRoot` and archive. */
export interface SystemTransaction {
  readonly form: 'system'
  readonly height: number
  /** Place in the epoch's committee. */
  readonly author: number
  /** One of `SYSTEM_KINDS`. */
  readonly kind: number
  readonly body: Uint8Array
}

export type Transaction = AccountTransaction | NodeTransaction
/** All that can stand in a block. */
export type RecordedTransaction = Transaction | SystemTransaction
