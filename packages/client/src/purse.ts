/**
 * What a client pays with: one signer for each session, under one cap for all of them together.
 *
 * Invariant: the sum of what is signed for never passes the cap. Each session's share of it is what the others have left, read anew at each
 * signature; signatures are made one after the other, so no two sessions can both take the last of it.
 */
import type { KeyPair } from '@selvedge/crypto'
import { encodeDelegation, type Delegation } from '@selvedge/delivery-acknowledgement'
import { createPayer, type Payer, type Receipt, type Ticks } from '@selvedge/delivery-acknowledgement/client'
import type { Sharing } from '@selvedge/handshake/sharing'

export interface PayingAccount {
  /** The account's word for the session key, signed by the account. */
  readonly delegation: Delegation
  /** The key that the delegation names: it signs for what was verified. */
  readonly sessionKey: KeyPair
}

/** In 10^-12 USD. */
export interface PriceMax {
  /** Of a byte. */
  readonly bytePrice: bigint
  /** Of a microsecond of computing. */
  readonly cpuPrice: bigint
}

/** What was signed for so far. */
export interface Cost {
  /** DATA of lanes, proofs included. */
  readonly bytes: bigint
  /** 10^-6 USD. */
  readonly microUsd: bigint
}

export interface PurseOptions {
  readonly account: PayingAccount
  readonly chainId: number
  readonly capMicroUsd: bigint
  /** The highest prices that are paid, in 10^-12 USD. @default whatever the ledger governs */
  readonly priceMax?: PriceMax | undefined
  readonly ticks?: Ticks | undefined
  /** Makes that with which a session is shared. */
  readonly createSharing?: (() => Sharing) | undefined
}

/** Signs for one session. */
export interface SessionPurse {
  readonly payer: Payer
  readonly sharing: Sharing | undefined
  /** What the session is opened with. */
  readonly hello: { readonly delegation: Uint8Array; readonly identity: KeyPair; readonly payer: Payer; readonly sharing?: Sharing }
  /** The session is over: its sum and its receipts stay. */
  close(): void
}

export interface Purse {
  open(nodeKey: Uint8Array): SessionPurse
  readonly cost: Cost
  readonly receipts: readonly Receipt[]
  /** Not a µUSD is left. */
  readonly isEmpty: boolean
}

export function createPurse({ account, chainId, capMicroUsd, priceMax, ticks, createSharing }: PurseOptions): Purse {
  const { delegation, sessionKey } = account
  const encoded = encodeDelegation(delegation)
  const open = new Set<Payer>()
  const receipts: Receipt[] = []
  let past: Cost = { bytes: 0n, microUsd: 0n }

  const costOf = (but?: Payer): Cost => {
    let { bytes, microUsd } = past
    for (const payer of open) {
      if (payer === but) continue
      const { cost } = payer
      bytes += cost.bytes
      microUsd += cost.microUsd
    }
    return { bytes, microUsd }
  }

  return {
    open(nodeKey) {
      const payer: Payer = createPayer({
        chainId,
        nodeKey,
        delegation,
        sign: (preimage) => sessionKey.sign(preimage),
        nowMs: () => performance.now(),
        ...(ticks === undefined ? {} : { ticks }),
        ...(priceMax === undefined ? {} : { priceMax }),
        get capMicroUsd() {
          return capMicroUsd - costOf(payer).microUsd
        },
      })
      open.add(payer)
      const sharing = createSharing?.()
      return {
        payer,
        sharing,
        hello: { delegation: encoded, identity: sessionKey, payer, ...(sharing === undefined ? {} : { sharing }) },
        close() {
          if (!open.has(payer)) return
          const { bytes, microUsd } = payer.cost
          past = { bytes: past.bytes + bytes, microUsd: past.microUsd + microUsd }
          receipts.push(...payer.receipts)
          open.delete(payer)
        },
      }
    },
    get cost() {
      return costOf()
    },
    get receipts() {
      return [...receipts, ...[...open].flatMap((payer) => payer.receipts)]
    },
    get isEmpty() {
      return costOf().microUsd >= capMicroUsd
    },
  }
}
