/** A node's seat in the order: the validator over mutual TLS, behind it the state machine. */
import { committees, nodes, parameters, type Application, type Outcome } from '@selvedge/application'
import { createCheckpointSigner, createValidator, type Clock, type CoreOptions, type Validator } from '@selvedge/consensus'
import { createFileStore } from '@selvedge/consensus/store'
import { createTlsNetwork, type TlsAddress } from '@selvedge/consensus/tls'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { PARAMETERS, type Genesis, type NetworkAddress } from '@selvedge/ledger-types'
import { join } from 'node:path'
import { genesisPlanOf } from './epoch-plan.ts'
import { createLedgerExecutor } from './ledger-executor.ts'
import { createMemberDuties } from './member-duties.ts'
import type { LedgerVerdicts } from './verdicts.ts'

/** Between two proposals of this node while nothing waits anywhere to be ordered. */
const IDLE_DELAY_MS_MAX = 1_000
const IDLE_DELAY_MS_MIN = 100
/** A reveal is heard in a tenth of an epoch: sixteen rounds, eight blocks. */
const IDLE_ROUNDS_AN_EPOCH_MIN = 160

export interface NodeSeeds {
  /** Of the Ed25519 node key, 32 bytes. */
  readonly node: Uint8Array
  /** Of the BLS key, 32 bytes. */
  readonly bls: Uint8Array
}

export interface OrderingSettings {
  readonly genesis: Genesis
  readonly seeds: NodeSeeds
  readonly folder: string
  /** Where the order of this node listens. */
  readonly listen: TlsAddress
  readonly core?: Omit<CoreOptions, 'parameters' | 'verifiesTransactions'>
  /** @default the system's */
  readonly clock?: Clock
  /** More that this node says as a member; asked after each block. */
  readonly words?: () => readonly Uint8Array[]
  /** The final block of an epoch is on disk, and nothing after it: the moment to take the state's snapshot. */
  readonly onFinal: (height: number) => void
  /** After a block is on disk. */
  readonly onBlock: (outcome: Outcome, timestampMs: number) => void
  readonly onCertificate: (height: number, certificate: Uint8Array) => void
  /** Somebody has signed two things for one slot. Told again at each start until the epoch is forgotten. */
  readonly onEvidence?: (evidence: Uint8Array) => void
  /** Promised, and not ordered before this node lost its seat: others must order them. Told again at each start until the epoch is forgotten. */
  readonly onRetry?: (transactions: readonly Uint8Array[]) => void
}

export interface Ordering {
  readonly validator: Validator
  /** A checkpoint that waited for its snapshot's root. */
  sign(epoch: number, checkpoint: { readonly height: number; readonly bytes: Uint8Array }): void
}

/** Where a node keeps what it signed and promised. */
export function walOf(folder: string): string {
  return join(folder, 'wal')
}

/** @param verdicts - outlive it: they are another seat's, or a follower's, later. */
export function createOrdering(application: Application, verdicts: LedgerVerdicts, settings: OrderingSettings): Ordering {
  const { genesis, seeds, folder, listen, core, clock, words = () => [], onFinal, onBlock, onCertificate } = settings
  const nodeKey = createKeyPair(seeds.node)
  const duties = createMemberDuties(application, { publicKey: nodeKey.publicKey, seed: seeds.node })
  const executor = createLedgerExecutor(
    {
      application,
      verdicts,
      duties: { sayAfterBlock: () => [...duties.sayAfterBlock(), ...words()] },
    },
    { onFinal, onBlock },
  )
  const idleDelayMsMax = core?.idleDelayMsMax ?? idleDelayMsOf(application)
  const validator = createValidator(
    {
      network: createTlsNetwork(
        { keyPair: nodeKey, addressOf: (key) => registeredAddressOf(application, key) },
        { chainId: genesis.chainId, genesisHash: genesis.hash, host: listen.host, port: listen.port },
      ),
      store: createFileStore({ path: walOf(folder) }),
      executor,
      nodeKey,
      verifier: { start: () => verdicts.start(), verify: (transactions, from) => verdicts.verify(transactions, from) },
      checkpointSigner: createCheckpointSigner(seeds.bls),
      ...(clock === undefined ? {} : { clock }),
    },
    {
      chainId: genesis.chainId,
      genesisHash: genesis.hash,
      genesis: genesisPlanOf(genesis),
      core: { ...core, idleDelayMsMax },
      onCertificate: (_epoch, height, certificate) => onCertificate(height, certificate),
      onEvidence: (_epoch, evidence) => settings.onEvidence?.(evidence),
      ...(settings.onRetry === undefined ? {} : { onRetry: settings.onRetry }),
    },
  )
  return { validator, sign: (epoch, checkpoint) => validator.addCheckpoint(epoch, checkpoint) }
}

/** Rounds without anything in them: a second apart, and close enough in short epochs that each phase of the beacon has several blocks. */
function idleDelayMsOf(application: Application): number {
  const epochMs = Number(application.state.get(parameters, PARAMETERS.epochMs.id)?.value ?? 0n)
  return Math.min(IDLE_DELAY_MS_MAX, Math.max(IDLE_DELAY_MS_MIN, Math.floor(epochMs / IDLE_ROUNDS_AN_EPOCH_MIN)))
}

/** Where the registry says that a node is. Asked before each attempt to dial, so a new address is found within an epoch. */
function registeredAddressOf(application: Application, key: string): TlsAddress | undefined {
  const { epoch, nodes: listed, previous } = application.view()
  const isIt = ({ nodeKey }: { readonly nodeKey: Uint8Array }): boolean => Buffer.from(nodeKey).toString('hex') === key
  const address = (listed.find(isIt) ?? previous.nodes.find(isIt))?.addresses[0] ?? addressOfIdleMember(application, epoch, isIt)
  return address?.ip.length === 4 ? { host: address.ip.join('.'), port: address.pool } : undefined
}

/** A committee that stays for want of candidates has members that are Idle, and the view lists none of those. */
function addressOfIdleMember(
  application: Application,
  epoch: number,
  isIt: (node: { readonly nodeKey: Uint8Array }) => boolean,
): NetworkAddress | undefined {
  const member = application.state.get(committees, epoch)?.find(isIt)
  return member === undefined ? undefined : application.state.get(nodes, member.nodeIndex)?.addresses[0]
}
