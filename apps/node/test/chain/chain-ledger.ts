// The shipped state machine behind the port of consensus' chain schedules: `application` on its memory store, with what a node's own
// executor and duties do. Keys are real where the ledger checks them; the order signs cheaply, and the evidence of that is checked alike.
import { createApplication, createMemoryStore, type Application, type EvidenceRules } from '@selvedge/application'
import { checkEvidence, createCommittee, type Mode, type OrderedBlock, type EvidenceCrypto, decodeEvidence } from '@selvedge/consensus'
import { createBlsKeyPair } from '@selvedge/crypto/bls'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { addressOf, secp256k1PublicKeyOf } from '@selvedge/crypto/secp256k1'
import { sha256 } from '@selvedge/crypto/sha256'
import {
  createGenesisNode,
  devGenesis,
  formatGenesis,
  ORDER_MODES,
  parseGenesis,
  signAccountTransaction,
  type Genesis,
} from '@selvedge/ledger-types'
import type { ScheduledExecutor, ScheduledLedger } from '../../../../packages/consensus/test/chain-schedule/contract.ts'
import { cheapSign, isCheaplySigned } from '../../../../packages/consensus/test/support/cheap-signatures.ts'
import { EvidenceDuty } from '../../src/ledger/evidence-duty.ts'
import { evidenceRules } from '../../src/ledger/evidence-rules.ts'
import { appliedOf, executedOf } from '../../src/ledger/ledger-executor.ts'
import { createMemberDuties } from '../../src/ledger/member-duties.ts'

const CHAIN_ID = 1337
const GENESIS_MS = 1_800_000_000_000
const MICRO = 1_000_000n
const WEI = 10n ** 12n
const SENDERS = 8
const PACE_MS = 10
const PARAMETERS = { gcDepth: 8, scheduleCommits: 3 } as const

const secretOf = (what: string, index: number): Uint8Array => sha256(new TextEncoder().encode(`${what} ${index}`))
const walletOf = (what: string, index: number): { readonly secretKey: Uint8Array; readonly address: Uint8Array } => {
  const secretKey = secretOf(what, index)
  return { secretKey, address: addressOf(secp256k1PublicKeyOf(secretKey)) }
}

const crypto: EvidenceCrypto = { isSigned: isCheaplySigned, isCheckpointSigned: isCheaplySigned }
const cheapRules: EvidenceRules = {
  accusedBy: (bytes) => evidenceRules.accusedBy(bytes),
  isProven(bytes, chainId, epoch, committee) {
    const members = committee.map(({ key, blsKey, stake }) => ({ key, blsKey, stake, nodeIndex: 0 }))
    return checkEvidence(decodeEvidence(bytes), chainId, epoch, createCommittee(members), crypto) === undefined
  },
}

export interface ApplicationLedger extends ScheduledLedger {
  applicationOf(place: number): Application
}

/** @param size - nodes; four of them sit in a committee. */
export function createApplicationLedger(mode: Mode, size: number): ApplicationLedger {
  const genesis = genesisOf(mode, size)
  const keys = Array.from({ length: size }, (_, index) => createKeyPair(secretOf('node', index)))
  const stores = keys.map(() => createMemoryStore())
  const applications = new Map<number, Application>()
  const senders = Array.from({ length: SENDERS }, (_, index) => walletOf('sender', index))
  const nonces = senders.map(() => 0n)
  const open = (place: number): ScheduledExecutor => {
    const application = createApplication({ store: stores[place]!, evidenceRules: cheapRules }, { genesis })
    applications.set(place, application)
    // What a final checkpoint names is the order's concern here, the snapshot's bytes are not: members agree on its root by its height.
    const nameSnapshot = (height: number): unknown => application.provideSnapshotRoot(height, secretOf('snapshot', height))
    nameSnapshot(application.lastApplied().start.height)
    const pair = keys[place]!
    const duties = createMemberDuties(application, { publicKey: pair.publicKey, seed: secretOf('node', place) })
    let said: Uint8Array[] = []
    const evidence = new EvidenceDuty({ application, keys: pair, submit: async (transaction) => void said.push(transaction) })
    return {
      lastApplied: () => appliedOf(application),
      execute(block: OrderedBlock) {
        const outcome = application.execute(block)
        if (outcome.final !== undefined) nameSnapshot(outcome.height)
        evidence.onBlock()
        return executedOf(application, outcome, duties)
      },
      get roots() {
        const { stateRoot, blockDigest } = application.lastApplied()
        return Buffer.concat([stateRoot, blockDigest]).toString('hex')
      },
      addEvidence: (bytes) => evidence.add(bytes),
      takeTransactions() {
        const taken = said
        said = []
        return taken
      },
    }
  }
  return {
    chainId: CHAIN_ID,
    genesisHash: genesis.hash,
    genesis: open(0).lastApplied().plan,
    nodes: keys.map(({ publicKey }) => ({ key: publicKey, crypto: { ...crypto, sign: (message) => cheapSign(message, publicKey) } })),
    paceMs: PACE_MS,
    open,
    transaction(number) {
      const at = number % SENDERS
      const fees = { maxPriorityFeePerGas: 0n, maxFeePerGas: 10n ** 15n, gasLimit: 100_000n }
      const to = senders[(at + 1) % SENDERS]!.address
      const fields = { form: 'eip1559', chainId: CHAIN_ID, nonce: nonces[at]!++, ...fees, to, value: BigInt(1 + number) * WEI } as const
      return signAccountTransaction({ ...fields, data: new Uint8Array(0) }, senders[at]!.secretKey)
    },
    applicationOf: (place) => applications.get(place)!,
  }
}

function genesisOf(mode: Mode, size: number): Genesis {
  const owners = Array.from({ length: size }, (_, index) => walletOf('owner', index))
  const rich = [...owners, ...Array.from({ length: SENDERS }, (_, index) => walletOf('sender', index))]
  const [first] = owners
  const governors = { threshold: 1, accounts: [first!.address] }
  const nodes = owners.map((owner, index) =>
    createGenesisNode({
      chainId: CHAIN_ID,
      timeMs: GENESIS_MS,
      owner: owner.address,
      keys: createKeyPair(secretOf('node', index)),
      bls: createBlsKeyPair(secretOf('bls', index)),
      x25519: secretOf('x25519', index),
      notAfterEpoch: 10_000,
      addresses: [{ ip: Uint8Array.of(127, 10 + index, 0, 1), pool: 1, sessions: 2, websocket: 0, pinger: 0 }],
      stake: 2_000n * MICRO,
    }),
  )
  const accounts = rich.map(({ address }) => ({ address, native: 100_000n * MICRO, balances: [] }))
  const file = formatGenesis(
    devGenesis({
      chainId: CHAIN_ID,
      timeMs: GENESIS_MS,
      parameters: { ...PARAMETERS, orderMode: ORDER_MODES.indexOf(mode) },
      governors,
      tokens: [{ symbol: 'USD', name: 'US dollar', keys: governors, cap: 1_000n * MICRO }],
      accounts: accounts.toSorted((a, b) => Buffer.compare(a.address, b.address)),
      nodes,
      committee: nodes.slice(0, 4).map((_, index) => index),
      services: [
        {
          owner: first!.address,
          manifest: secretOf('cdn', 0),
          multiplePpm: 1_000_000,
          payees: [{ account: first!.address, ppm: 1_000_000 }],
        },
      ],
    }),
  )
  return parseGenesis(file)
}
