/** The kinds of node transactions, as data. Duties (`isDuty`) are free up to an allowance. Source: ledger rules, "Node transactions". */
import type { Checks } from '../codes.ts'
import type { GAS } from '../gas.ts'

export interface NodeKindSchema {
  readonly id: number
  readonly isDuty: boolean
  /** Layout of the body. */
  readonly body: string
  readonly gas: keyof typeof GAS
  /** Why it fails, its envelope being good. What is not its body's form is refused before (1). */
  readonly checks: Checks
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

const serving = [51, 'the node is Active, or leaves with this epoch'] as const
const registered = [51, 'the node is not Jailed'] as const
const form = [46, 'in its one form, and of this node'] as const

export const NODE_KINDS: Readonly<Record<NodeKindName, NodeKindSchema>> = {
  optIn: {
    id: 1,
    isDuty: true,
    body: '–',
    gas: 'default',
    checks: [
      [51, 'Idle or OptingOut'],
      [40, 'stake ≥ minStake'],
    ],
    does: 'makes the node Active with the next epoch',
  },
  optOut: {
    id: 2,
    isDuty: true,
    body: '–',
    gas: 'default',
    checks: [[51, 'Active or OptingIn']],
    does: 'makes the node Idle with the next epoch',
  },
  setNode: {
    id: 3,
    isDuty: true,
    body: 'noiseRecord 136 · addressCount u8 · addresses',
    gas: 'default',
    checks: [
      serving,
      [42, 'a session record of this node, signed, good for longer than the newest'],
      [43, 'addresses that hosts can have'],
      [51, 'the first by the node in this epoch'],
    ],
    does: "renews session key and addresses without the owner's wallet",
  },
  claimCommit: {
    id: 0x10,
    isDuty: true,
    body: 'ClaimCommit of delivery-acknowledgement',
    gas: 'default',
    checks: [
      registered,
      form,
      [52, 'of the epoch before, until 20 % of this one'],
      [51, 'the first; the node was Active when that epoch began'],
      [46, 'total from 1 to 2^63, count from 1 to total'],
    ],
    does: 'claims what clients acknowledged in an epoch',
  },
  claimDebits: {
    id: 0x11,
    isDuty: true,
    body: 'ClaimDebits of delivery-acknowledgement',
    gas: 'debitPair',
    checks: [
      registered,
      form,
      [52, 'committed, until 20 %'],
      [51, 'the claim waits for it, and this part is not here'],
      [46, 'parts ≤ count and as before, at most 63 ahead of the first that is missing; the part can be right'],
    ],
    does: 'lists what each client owes, in parts',
  },
  claimAnswer: {
    id: 0x12,
    isDuty: true,
    body: 'ClaimAnswer of delivery-acknowledgement',
    gas: 'openingPoint',
    checks: [
      registered,
      form,
      [52, 'the points are drawn, until 60 %'],
      [51, 'the claim waits for answers'],
      [46, 'the points exist'],
      [51, 'none of them was opened'],
    ],
    does: 'opens the points of a claim that were drawn; a false one voids and slashes',
  },
  disputeAnswer: {
    id: 0x13,
    isDuty: false,
    body: 'client u32 · serviceId u32 · ClaimAnswer',
    gas: 'openingPoint',
    checks: [
      registered,
      form,
      [45, 'there is such a dispute'],
      [52, 'until 95 % of the second epoch after'],
      [51, 'the claim stands, the dispute is open, these leaves were not shown'],
      [46, 'the leaves follow those that were shown'],
    ],
    does: 'opens the entry that a client disputes',
  },
  reportCommit: {
    id: 0x20,
    isDuty: true,
    body: 'epoch u64 · commitment 32',
    gas: 'default',
    checks: [serving, [52, 'of this epoch, from 80 % on'], [51, 'the first']],
    does: 'binds the node to its measurements before others show theirs',
  },
  reportReveal: {
    id: 0x21,
    isDuty: true,
    body: 'epoch u64 · salt 32 · count u16 · count × (target u32 · rttMicros u32 · jitterMicros u32 · answered u16 · asked u16)',
    gas: 'default',
    checks: [
      registered,
      [52, 'of the epoch before, until 20 % of this one'],
      [45, 'it was committed'],
      [51, 'it was not shown'],
      [42, 'it opens the commitment'],
      [46, 'every target is assigned, answered ≤ asked'],
    ],
    does: 'shows the measurements',
  },
  coordinates: {
    id: 0x22,
    isDuty: true,
    body: 'epoch u64 · 24 × u16 · receiptRoot 32',
    gas: 'default',
    checks: [serving, [52, 'of this epoch'], [51, 'the first']],
    does: 'says how far the node is from the landmarks',
  },
  contentUpdate: {
    id: 0x30,
    isDuty: true,
    body: 'count u16 · count × (root 32 · flags u8: 1 add, 0 remove)',
    gas: 'contentEntry',
    checks: [serving, [46, 'at least one entry'], [49, 'at most contentPerNode where they grow']],
    does: 'says which content the node holds',
  },
  evidence: {
    id: 0x31,
    isDuty: false,
    body: 'evidence',
    gas: 'evidence',
    checks: [
      registered,
      [46, 'in its one form'],
      [52, 'of this epoch or the last unbondEpochs'],
      [42, 'the signer was of that committee, or is a node'],
      [51, 'the first of its cause and epoch'],
      [42, 'both signatures are good'],
    ],
    does: 'slashes who signed two things for one slot; half goes to the sender',
  },
  version: {
    id: 0x40,
    isDuty: true,
    body: 'newest u32',
    gas: 'default',
    checks: [registered],
    does: 'says the newest protocol version that the node runs',
  },
}

const namesById: ReadonlyMap<number, NodeKindName> = new Map(Object.entries(NODE_KINDS).map(([name, { id }]) => [id, name as NodeKindName]))

/** The name of a kind; `undefined` when there is none. */
export function nodeKindOf(id: number): NodeKindName | undefined {
  return namesById.get(id)
}
