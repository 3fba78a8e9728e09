/**
 * What a node's owner does with it: `selvedge ledger register`, `stake`, `opt-in`, `opt-out`, `unstake`, `withdraw` and `status`. Each is one
 * transaction of the owner's account, tried on the node's state before it is signed, and followed until its block is certified.
 */
import { accounts, balances } from '@selvedge/application'
import {
  CODE_WORDS,
  CODES,
  feeOf,
  PAYMENT_TOKEN,
  WEI_PER_BASE_FEE,
  type Code,
  type SystemArguments,
  type SystemFunctionName,
} from '@selvedge/ledger-types'
import type { Report } from '../cli/report.ts'
import { abortOnSignal } from '../cli/until-signal.ts'
import { NodeError } from '../errors.ts'
import { passphraseFrom } from '../compose/passphrase.ts'
import { loadLedgerSeeds } from '../ledger-tools/ledger-seeds.ts'
import {
  assertKnowable,
  claimsOf,
  epochOf,
  nodeIndexOf,
  parameterOf,
  registrationOf,
  standingOf,
  stateWordOf,
  type NodeChoice,
} from '../ledger-tools/owner-node.ts'
import { loadOwner, sendCall, tryCall, untilFinal, type OwnerCall, type OwnerWallet } from '../ledger-tools/owner-wallet.ts'
import { openProvenDoor, trustOf, type Trust, type TrustOptions } from '../ledger-tools/proven-door.ts'
import { amountOf, hexOf, integerOf, objectOf, openRpcDoor, type FinalReceipt, type RpcDoor } from '../ledger-tools/rpc-door.ts'
import { addressIn, integerIn, ipAddressIn, tokensIn, tokensText } from '../ledger-tools/texts.ts'

export interface DoorOptions extends TrustOptions {
  readonly rpc: string
}

export interface OwnerOptions extends DoorOptions {
  readonly key: string
  /** Named by the owner: a node that says another one would get a signature that is good there. */
  readonly chainId: string
  readonly dryRun?: true
}

export interface RegisterOptions extends OwnerOptions {
  readonly data: string
  readonly stake: string
  readonly address: string
  readonly keysUntil: string
}

/** What one of these words does, and why the ledger may refuse it. */
interface Deed<N extends SystemFunctionName> {
  readonly name: N
  readonly args: SystemArguments<N>
  readonly valueMicro: bigint
  /** In words, as in "would …". */
  readonly does: string
  readonly reasons: Partial<Record<Code, string>>
}

interface Session {
  readonly report: Report
  readonly door: RpcDoor
  readonly wallet: OwnerWallet
  /** The node's, asked once; the one that was named where one was. */
  readonly chainId: number
  readonly signal: AbortSignal
  readonly options: OwnerOptions
}

const NOT_OWNER = 'another account owns this node, or there is none of that index'

export async function ledgerRegister(report: Report, options: RegisterOptions): Promise<void> {
  const session = await begin(report, options)
  const { door, wallet, chainId } = session
  const stake = tokensIn('--stake', options.stake)
  const address = ipAddressIn('--address', options.address)
  const notAfterEpoch = Number(integerIn('--keys-until', options.keysUntil, 2n ** 32n - 1n))
  const seeds = await loadLedgerSeeds(options.data, { passphrase: await passphraseFrom(undefined) })
  const args = registrationOf(seeds, { chainId, owner: wallet.address, address, notAfterEpoch })
  const minStake = await parameterOf(door, 'minStake')
  const nodeKey = Buffer.from(args.nodeKey).toString('hex')
  const deed: Deed<'registerNode'> = {
    name: 'registerNode',
    args,
    valueMicro: stake,
    does: `register node key ${nodeKey} at ${options.address} with a stake of ${tokensText(stake)}`,
    reasons: {
      [CODES.amount]: `the stake is below the least stake, ${tokensText(minStake)}`,
      [CODES.keyInUse]: 'its node key or its BLS key is registered already',
      [CODES.address]: 'no host can have that address',
    },
  }
  const receipt = await carryOut(session, deed)
  if (receipt === undefined) return
  const registered = receipt.events.find(({ kind }) => kind === 'node')
  const nodeIndex = integerOf(door.url, registered?.nodeIndex)
  report.result(
    { ok: true, nodeIndex, nodeKey, stake: String(stake), ...placeOf(receipt) },
    `node ${nodeIndex} is registered, Idle: opt it in when it runs`,
  )
}

export async function ledgerStake(report: Report, amount: string, options: OwnerOptions & NodeChoice): Promise<void> {
  const session = await begin(report, options, options)
  const nodeIndex = await nodeIndexOf(session.door, options)
  const micro = tokensIn('amount', amount)
  const receipt = await carryOut(session, {
    name: 'stake',
    args: { nodeIndex },
    valueMicro: micro,
    does: `add ${tokensText(micro)} to the stake of node ${nodeIndex}, which only its owner gets back`,
    reasons: { [CODES.notFound]: `no node has index ${nodeIndex}, or it is Jailed` },
  })
  if (receipt !== undefined) await sayStanding(session, nodeIndex, receipt)
}

export async function ledgerOptIn(report: Report, options: OwnerOptions & NodeChoice): Promise<void> {
  const session = await begin(report, options, options)
  const nodeIndex = await nodeIndexOf(session.door, options)
  const { state } = await standingOf(session.door, nodeIndex)
  const receipt = await carryOut(session, {
    name: 'optIn',
    args: { nodeIndex },
    valueMicro: 0n,
    does: `opt node ${nodeIndex} in: Active with the next epoch, a candidate for a seat in the one after`,
    reasons: {
      [CODES.notOwner]: NOT_OWNER,
      [CODES.state]: `it is ${state}: only a node that is Idle or OptingOut opts in`,
      [CODES.amount]: 'its stake is below the least stake',
    },
  })
  if (receipt !== undefined) await sayStanding(session, nodeIndex, receipt)
}

export async function ledgerOptOut(report: Report, options: OwnerOptions & NodeChoice): Promise<void> {
  const session = await begin(report, options, options)
  const nodeIndex = await nodeIndexOf(session.door, options)
  const { state } = await standingOf(session.door, nodeIndex)
  const receipt = await carryOut(session, {
    name: 'optOut',
    args: { nodeIndex },
    valueMicro: 0n,
    does: `opt node ${nodeIndex} out: it orders until its last epoch ends, then it is Idle`,
    reasons: { [CODES.notOwner]: NOT_OWNER, [CODES.state]: `it is ${state}: only a node that is Active or OptingIn opts out` },
  })
  if (receipt !== undefined) await sayStanding(session, nodeIndex, receipt)
}

export async function ledgerUnstake(report: Report, amount: string, options: OwnerOptions & NodeChoice): Promise<void> {
  const session = await begin(report, options, options)
  const { door } = session
  const nodeIndex = await nodeIndexOf(door, options)
  const { row, epoch, state } = await standingOf(door, nodeIndex)
  const micro = amount === 'all' ? row.stake : tokensIn('amount', amount)
  const due = epoch + Number(await parameterOf(door, 'unbondEpochs'))
  const receipt = await carryOut(session, {
    name: 'unstake',
    args: { nodeIndex, amount: micro * 10n ** 12n },
    valueMicro: 0n,
    does: `take ${tokensText(micro)} from the stake of node ${nodeIndex}; it stays slashable until epoch ${due}, then "withdraw" draws it`,
    reasons: {
      [CODES.notOwner]: NOT_OWNER,
      [CODES.locked]: `its stake is locked until epoch ${row.lockedUntil}`,
      [CODES.amount]: `its stake is ${tokensText(row.stake)}, and while it is ${state} less than the least stake must not be left`,
      [CODES.tooMany]: 'too much of this account unbonds already: wait for some of it',
    },
  })
  if (receipt !== undefined) await sayStanding(session, nodeIndex, receipt)
}

export async function ledgerWithdraw(report: Report, options: OwnerOptions & { readonly to?: string }): Promise<void> {
  const session = await begin(report, options)
  const to = options.to === undefined ? session.wallet.address : addressIn('--to', options.to)
  const receipt = await carryOut(session, {
    name: 'claimUnbonded',
    args: { to },
    valueMicro: 0n,
    does: `draw all that is unbonded to ${hexOf(to)}`,
    reasons: { [CODES.amount]: 'nothing of this account is unbonded yet' },
  })
  if (receipt === undefined) return
  const paid = amountOf(session.door.url, receipt.events.find(({ kind }) => kind === 'transfer')?.amount)
  report.result({ ok: true, to: hexOf(to), amount: String(paid), ...placeOf(receipt) }, `${tokensText(paid)} went to ${hexOf(to)}`)
}

export async function ledgerStatus(report: Report, options: DoorOptions & NodeChoice): Promise<void> {
  const { door } = await openDoor(options, abortOnSignal(), options)
  const nodeIndex = await nodeIndexOf(door, options)
  const { row, state, epoch, version, seat, seats, claimable, unbonding } = await standingOf(door, nodeIndex)
  const { owner, stake, delegated, since, newestVersion, lockedUntil } = row
  const balance = (await door.row(accounts, owner))?.native ?? 0n
  const earned = (await door.row(balances, { address: owner, token: PAYMENT_TOKEN })) ?? 0n
  const claimed = await claimsOf(door, nodeIndex, epoch)
  const ofOwner = { claimable: String(claimable), ownerBalance: String(balance), ownerUsd: String(earned) }
  const amounts = { stake: String(stake), delegated: String(delegated), ...ofOwner }
  report.result(
    {
      ok: true,
      nodeIndex,
      state,
      since,
      epoch,
      seat: seat ?? null,
      seats,
      version,
      newestVersion,
      lockedUntil,
      unbonding,
      owner: hexOf(owner),
      ...amounts,
      claims: claimed.map(({ total, ...claim }) => ({ ...claim, total: String(total) })),
    },
    `node ${nodeIndex}: ${state} since epoch ${since}, stake ${tokensText(stake)}, delegated ${tokensText(delegated)}`,
    `epoch ${epoch}: ${seat === undefined ? 'no seat' : `seat ${seat}`} in a committee of ${seats}; rules version ${version}, the node has announced ${newestVersion}`,
    `owner ${hexOf(owner)}: ${tokensText(balance)} free, ${tokensText(earned)} USD, ${tokensText(claimable)} to withdraw, ${unbonding} amounts unbonding`,
    ...claimed.map(({ epoch: of, total, state: word }) => `claimed for epoch ${of}: ${tokensText(total)} USD, ${word}`),
  )
}

async function begin(report: Report, options: OwnerOptions, choice: NodeChoice = {}): Promise<Session> {
  const signal = abortOnSignal()
  const wallet = await loadOwner(options.key)
  const { door, trust } = await openDoor(options, signal, choice)
  return { report, door, wallet, chainId: await chainIdOf(door, trust, options), signal, options }
}

interface OpenDoor {
  readonly door: RpcDoor
  readonly trust: Trust | undefined
}

/** The node's door; with a genesis file one that takes proofs alone. @throws {NodeError} `NODE_USAGE` where it could lie about `choice` */
async function openDoor(options: DoorOptions, signal: AbortSignal, choice: NodeChoice): Promise<OpenDoor> {
  const trust = await trustOf(options)
  const open = openRpcDoor(options.rpc, signal)
  const door = trust === undefined ? open : openProvenDoor(open, trust, signal)
  assertKnowable(door, choice)
  return { door, trust }
}

/** @throws {NodeError} `NODE_USAGE` when the node, or the genesis file, is of another chain than the one that was named */
async function chainIdOf(door: RpcDoor, trust: Trust | undefined, { chainId: wanted }: Pick<OwnerOptions, 'chainId'>): Promise<number> {
  const named = integerIn('--chain-id', wanted, 2n ** 32n - 1n)
  if (trust !== undefined && named !== BigInt(trust.chainId)) {
    throw new NodeError('NODE_USAGE', `the genesis file is of chain ${trust.chainId}, not ${wanted}`)
  }
  const chainId = integerOf(door.url, objectOf(door.url, await door.ask('selvedge_nodeInfo')).chainId)
  if (named !== BigInt(chainId)) throw new NodeError('NODE_USAGE', `${door.url} is of chain ${chainId}, not ${wanted}`)
  return chainId
}

/** @returns the receipt of what has become final; `undefined` after a dry run. @throws {NodeError} `NODE_REFUSED` with the reason in words */
async function carryOut<N extends SystemFunctionName>(session: Session, deed: Deed<N>): Promise<FinalReceipt | undefined> {
  const { report, door, wallet, chainId, signal, options } = session
  const call = await tryCall(door, wallet, chainId, deed.name, deed.args, deed.valueMicro).catch((error: unknown) => {
    throw explained(error, deed.reasons)
  })
  const feeMax = feeOf(Number(call.gas), call.maxFeePerGas / WEI_PER_BASE_FEE)
  if (options.dryRun === true) {
    report.result(
      { ok: true, dryRun: true, does: deed.does, from: hexOf(wallet.address), ...shownOf(call), feeMax: String(feeMax) },
      `would ${deed.does}`,
      `from ${hexOf(wallet.address)} on chain ${call.chainId}, fee at most ${tokensText(feeMax)}; the ledger would take it now`,
    )
    return undefined
  }
  report.say(`${deed.does}; fee at most ${tokensText(feeMax)}`)
  const sent = await sendCall(door, wallet, call).catch((error: unknown) => {
    throw explained(error, deed.reasons)
  })
  report.say(`sent ${sent.id}`)
  const receipt = await untilFinal(door, wallet, sent, signal, (_, height) =>
    report.say(`executed in block ${height}, waiting for its certificate`),
  )
  if (receipt.code !== CODES.ok) throw explained(refusalOf(receipt), deed.reasons)
  report.say(`block ${receipt.height} is certified: final`)
  return receipt
}

function refusalOf({ code, words, height }: FinalReceipt): NodeError {
  return new NodeError('NODE_REFUSED', `${words}, in block ${height}`, { code })
}

/** The ledger's code in words that belong to what was asked. */
function explained(error: unknown, reasons: Partial<Record<Code, string>>): unknown {
  if (!(error instanceof NodeError) || error.code !== 'NODE_REFUSED') return error
  const code = error.details.code as Code | undefined
  if (code === undefined) return new NodeError('NODE_REFUSED', `refused: ${error.message}`, error.details, { cause: error })
  const words = reasons[code] ?? CODE_WORDS[code]
  return new NodeError('NODE_REFUSED', `refused with code ${code} (${CODE_WORDS[code]}): ${words}`, error.details, { cause: error })
}

async function sayStanding({ report, door }: Session, nodeIndex: number, receipt: FinalReceipt): Promise<void> {
  const event = receipt.events.find(({ kind }) => kind === 'node')
  const { epoch } = await epochOf(door)
  const [state, stake] = [stateWordOf(integerOf(door.url, event?.state)), amountOf(door.url, event?.stake)]
  report.result(
    { ok: true, nodeIndex, state, stake: String(stake), epoch, ...placeOf(receipt) },
    `node ${nodeIndex} is ${state}, stake ${tokensText(stake)}, in epoch ${epoch}`,
  )
}

const placeOf = ({ height }: FinalReceipt): { readonly height: number; readonly isFinal: true } => ({ height, isFinal: true })

function shownOf({ to, data, valueWei, gas, chainId }: OwnerCall): Readonly<Record<string, unknown>> {
  return { to: hexOf(to), data: hexOf(data), value: String(valueWei), gas: String(gas), chainId }
}
