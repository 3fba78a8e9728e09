/** The kinds of node transactions, as data. Duties (`isDuty`) are free up to an allowance. Source: ledger rules, "Node transactions". */
import type { GAS } from '../gas.ts'

export interface NodeKindSchema {
  readonly id: number
  readonly isDuty: boolean
  /** Layout of the body. */
  readonly body: string
  readonly gas: keyof typeof GAS
  /** Why it fails, its envelope being good. What is not its body's form is refused before (1). */
  readonly codes: readonly number[]
  readonly does: string
}

export type NodeKindName =
  | 'optIn'
  | 'optOut'
  | 'setNode'
  | 'claimCommit'
  | 'claimDebits'
  | 'claimAnswer'
  | 'disputeAnswer'
  | 'reportCommit'
  | 'reportReveal'
  | 'coordinates'
  | 'contentUpdate'
  | 'evidence'
  | 'version'

export const NODE_KINDS: Readonly<Record<NodeKindName, NodeKindSchema>> = {
  optIn: { id: 1, isDuty: true, body: '–', gas: 'default', codes: [40, 51], does: 'makes the node Active with the next epoch' },
  optOut: { id: 2, isDuty: true, body: '–', gas: 'default', codes: [51], does: 'makes the node Idle with the next epoch' },
  setNode: {
    id: 3,
    isDuty: true,
    body: 'noiseRecord 136 · addressCount u8 · addresses',
    gas: 'default',
    codes: [42, 43, 51],
    does: "renews session key and addresses without the owner's wallet",
  },
  claimCommit: {
    id: 0x10,
    isDuty: true,
    body: 'ClaimCommit of delivery-acknowledgement',
    gas: 'default',
    codes: [46, 51, 52],
    does: 'claims what clients acknowledged in an epoch',
  },
  claimDebits: {
    id: 0x11,
    isDuty: true,
    body: 'ClaimDebits of delivery-acknowledgement',
    gas: 'debitPair',
    codes: [46, 51, 52],
    does: 'lists what each client owes, in parts',
  },
  claimAnswer: {
    id: 0x12,
    isDuty: true,
    body: 'ClaimAnswer of delivery-acknowledgement',
    gas: 'openingPoint',
    codes: [46, 51, 52],
    does: 'opens the points of a claim that were drawn; a false one voids and slashes',
  },
  disputeAnswer: {
    id: 0x13,
    isDuty: false,
    body: 'client u32 · serviceId u32 · ClaimAnswer',
    gas: 'openingPoint',
    codes: [45, 46, 51, 52],
    does: 'opens the entry that a client disputes',
  },
  reportCommit: {
    id: 0x20,
    isDuty: true,
    body: 'epoch u64 · commitment 32',
    gas: 'default',
    codes: [51, 52],
    does: 'binds the node to its measurements before others show theirs',
  },
  reportReveal: {
    id: 0x21,
    isDuty: true,
    body: 'epoch u64 · salt 32 · count u16 · count × (target u32 · rttMicros u32 · jitterMicros u32 · answered u16 · asked u16)',
    gas: 'default',
    codes: [42, 45, 46, 51, 52],
    does: 'shows the measurements',
  },
  coordinates: {
    id: 0x22,
    isDuty: true,
    body: 'epoch u64 · 24 × u16 · receiptRoot 32',
    gas: 'default',
    codes: [51, 52],
    does: 'says how far the node is from the landmarks',
  },
  contentUpdate: {
    id: 0x30,
    isDuty: true,
    body: 'count u16 · count × (root 32 · flags u8: 1 add, 0 remove)',
    gas: 'contentEntry',
    codes: [46, 49, 51],
    does: 'says which content the node holds',
  },
  evidence: {
    id: 0x31,
    isDuty: false,
    body: 'evidence',
    gas: 'evidence',
    codes: [42, 46, 51, 52],
    does: 'slashes who signed two things for one slot; half goes to the sender',
  },
  version: {
    id: 0x40,
    isDuty: true,
    body: 'newest u32',
    gas: 'default',
    codes: [51],
    does: 'says the newest protocol version that the node runs',
  },
}

const namesById: ReadonlyMap<number, NodeKindName> = new Map(Object.entries(NODE_KINDS).map(([name, { id }]) => [id, name as NodeKindName]))

/** The name of a kind; `undefined` when there is none. */
export function nodeKindOf(id: number): NodeKindName | undefined {
  return namesById.get(id)
}
