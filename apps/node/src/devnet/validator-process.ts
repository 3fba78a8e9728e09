/** The process of one validator: consensus over mutual TLS, its log, the small executor. It does what it is told and says what happens. */
import {
  checkpointSigningBytes,
  createCheckpointSigner,
  createCommittee,
  createValidator,
  decodeBlockCertificate,
  encodeSystemTransaction,
  type EpochPlan,
  type Validator,
} from '@selvedge/consensus'
import { createFileStore } from '@selvedge/consensus/store'
import { createNetworkSwitch, createTlsNetwork, type NetworkSwitch, type TlsAddress } from '@selvedge/consensus/tls'
import { createBlsKeyring } from '@selvedge/crypto/bls'
import { join } from 'node:path'
import { CHAIN_ID, committeeOf, genesisOf, keysOf } from './identity.ts'
import type { JournalBlock } from './journal.ts'
import type { AppliedBlock, FromValidator, ToValidator, ValidatorSettings } from './messages.ts'
import { createSmallExecutor, type SmallExecutor } from './small-executor.ts'
import { decodeTransfer } from './transfer.ts'

/** One machine, loopback. */
const CORE_OPTIONS = { batchDelayMsMax: 20, roundDelayMsMin: 10, idleDelayMsMax: 50, leaderTimeoutMsMax: 500 } as const

interface Parts {
  readonly settings: ValidatorSettings
  readonly validator: Validator
  readonly line: NetworkSwitch<TlsAddress>
  readonly executor: SmallExecutor
}

/** Runs until the devnet says `stop` or goes away. */
export async function runValidatorProcess(): Promise<void> {
  let parts: Parts | undefined
  await new Promise<void>((resolve) => {
    process.on('disconnect', resolve)
    process.on('message', (message: ToValidator) => {
      if (message.type === 'stop') resolve()
      else if (message.type === 'start') {
        start(message.settings).then(
          (started) => (parts = started),
          (error: unknown) => say({ type: 'failed', reason: String(error) }),
        )
      } else if (parts !== undefined) obey(parts, message)
    })
  })
  await parts?.validator.stop()
  parts?.executor.close()
  if (process.connected) process.disconnect()
}

async function start(settings: ValidatorSettings): Promise<Parts> {
  const { self, seeds, identities, epochs, genesisMs, folder, joinsAt } = settings
  const { nodeKey } = keysOf(seeds)
  const planned = epochs.map(({ validators, mode }) => ({
    committee: committeeOf(identities, validators),
    mode,
    parameters: { scheduleCommits: 30 },
  }))
  const [first, ...later] = planned
  if (first === undefined) throw new Error('no epoch is planned')
  const { genesisHash, plan: genesis } = genesisOf(first, genesisMs)
  const executor = createSmallExecutor({
    path: join(folder, 'journal'),
    chainId: CHAIN_ID,
    genesis,
    planned: later,
    onApplied: (block, isFinal, height) => say({ type: 'applied', block: appliedBlockOf(block, isFinal, height) }),
  })
  if (joinsAt !== undefined) assertCertified(executor, planned[joinsAt.epoch]?.committee ?? [], joinsAt.certificate)
  const line = createNetworkSwitch(
    new Map(identities.map(({ key, port }): [string, TlsAddress] => [hex(key), { host: '127.0.0.1', port }])),
  )
  const tlsOptions = { chainId: CHAIN_ID, genesisHash, port: identities[self]?.port ?? 0 }
  const network = line.attach(createTlsNetwork({ keyPair: nodeKey, addressOf: line.addressOf }, tlsOptions))
  const validator = createValidator(
    {
      network,
      store: createFileStore({ path: join(folder, 'wal') }),
      executor,
      nodeKey,
      checkpointSigner: createCheckpointSigner(seeds.bls),
    },
    {
      chainId: CHAIN_ID,
      genesisHash,
      genesis,
      core: CORE_OPTIONS,
      onCertificate: (epoch, height, certificate) => say({ type: 'certified', epoch, height, certificate }),
      onRetry: (transactions) => say({ type: 'returned', transactions }),
    },
  )
  void validator.closed.then((error) => {
    if (error !== undefined) say({ type: 'failed', reason: `${error.code} ${error.message}` })
  })
  await validator.start()
  say({ type: 'started' })
  return { settings, validator, line, executor }
}

function obey({ settings, validator, line, executor }: Parts, message: Exclude<ToValidator, { type: 'start' | 'stop' }>): void {
  switch (message.type) {
    case 'submit':
      return void submit(validator, message.ticket, message.transactions)
    case 'closeEpoch':
      return validator.submitSystemTransaction(encodeSystemTransaction({ kind: 'readyToClose', epoch: executor.plan.epoch }))
    case 'reach':
      return line.reach(message.validators.flatMap((each) => settings.identities[each] ?? []).map(({ key }) => hex(key)))
  }
}

async function submit(validator: Validator, ticket: number, transactions: readonly Uint8Array[]): Promise<void> {
  try {
    const { refused } = await validator.submit(transactions)
    say({ type: 'settled', ticket, refused: refused.map(({ index }) => index) })
  } catch {
    say({ type: 'settled', ticket, refused: [...transactions.keys()] }) // stopped: nothing was promised
  }
}

function appliedBlockOf({ epoch, index, items }: JournalBlock, isFinal: boolean, height: number): AppliedBlock {
  const ids = items.flatMap(({ isSystem, bytes }) => (isSystem ? [] : (decodeTransfer(bytes)?.id ?? [])))
  return { epoch, index, height, isFinal, ids: ids.map(hex) }
}

/** A history that was copied counts when its last state is what a quorum of the epoch's members has signed. */
function assertCertified(executor: SmallExecutor, committee: EpochPlan['committee'], certificate: Uint8Array): void {
  const { quorum, stakeOf, size } = createCommittee(committee)
  const { bytes, signers, aggregate } = decodeBlockCertificate(certificate, size)
  const isSigned = createBlsKeyring(committee.map(({ blsKey }) => blsKey)).isAggregate(aggregate, checkpointSigningBytes(bytes), signers)
  const isSame = executor.checkpoint !== undefined && Buffer.compare(bytes, executor.checkpoint) === 0
  if (stakeOf(signers) < quorum || !isSigned || !isSame) throw new Error('the history that was copied is not what the committee signed')
}

const say = (message: FromValidator): void => void process.send?.(message, undefined, {}, () => {}) // a devnet that is gone hears nothing
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
