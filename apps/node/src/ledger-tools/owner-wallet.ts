/** The account that owns a node, and its transactions: shown, signed, sent, and followed until they are final. */
import { accounts } from '@selvedge/application'
import { addressOf, secp256k1PublicKeyOf } from '@selvedge/crypto/secp256k1'
import {
  encodeSystemCall,
  GAS_PER_FEE_UNIT,
  signAccountTransaction,
  transactionId,
  WEI_PER_MICRO,
  type SystemArguments,
  type SystemFunctionName,
} from '@selvedge/ledger-types'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { readSeed } from '../compose/key-file.ts'
import { passphraseFrom } from '../compose/passphrase.ts'
import { NodeError } from '../errors.ts'
import { hexOf, integerOf, notUnderstood, objectOf, quantityOf, type FinalReceipt, type RpcDoor } from './rpc-door.ts'

/** A base fee that rises as fast as it can is not over this within ten seconds. */
const FEE_HEADROOM = 4n
/** More gas than any call of the system costs: the dearest is a registration, 221,000 and its data's. */
const CALL_GAS_MAX = 2_000_000n
/** Until the node is asked again. */
const LOOK_MS = 250

export interface OwnerWallet {
  readonly secretKey: Uint8Array
  /** 20 bytes. */
  readonly address: Uint8Array
}

/**
 * The owner's secp256k1 key: 64 hex digits, or an encrypted key file, that nobody else may read. It is never made here: an account's key is kept,
 * not found.
 * @throws {NodeError} `NODE_KEY_FILE`, `NODE_PASSPHRASE`; `NODE_USAGE` for a key in place of a file's name
 */
export async function loadOwner(path: string): Promise<OwnerWallet> {
  if (/^(0x)?[0-9a-fA-F]{64}$/.test(path)) {
    throw new NodeError(
      'NODE_USAGE',
      '--key names a file: a key on a command line is seen by everybody on this machine, do not use it any more',
    )
  }
  if (!existsSync(path)) throw new NodeError('NODE_KEY_FILE', `${path} is not there: the owner's key, 64 hex digits with mode 600`)
  const secretKey = await readSeed(path, await passphraseFrom(undefined))
  try {
    return { secretKey, address: addressOf(secp256k1PublicKeyOf(secretKey)) }
  } catch (cause) {
    throw new NodeError('NODE_KEY_FILE', `${path} is not a key of an account: ${(cause as Error).message}`, {}, { cause })
  }
}

/** A call of the system as it would be signed. */
export interface OwnerCall {
  readonly to: Uint8Array
  readonly data: Uint8Array
  readonly valueWei: bigint
  readonly gas: bigint
  readonly maxFeePerGas: bigint
  readonly chainId: number
}

/**
 * Tries the call on top of the node's state.
 * @param chainId - for which it is signed: asked once and compared with the one that was wanted, so that no later answer names another.
 * @throws {NodeError} `NODE_REFUSED` with the reason it would fail for now; `NODE_RPC` for gas that no call has
 */
export async function tryCall<N extends SystemFunctionName>(
  door: RpcDoor,
  { address }: OwnerWallet,
  chainId: number,
  name: N,
  args: SystemArguments<N>,
  valueMicro: bigint,
): Promise<OwnerCall> {
  const { to, data } = encodeSystemCall(name, args)
  const valueWei = valueMicro * WEI_PER_MICRO
  const call = { from: hexOf(address), to: hexOf(to), value: `0x${valueWei.toString(16)}`, data: hexOf(data) }
  const gas = gasOf(door.url, await door.ask('eth_estimateGas', call))
  const maxFeePerGas = FEE_HEADROOM * quantityOf(door.url, await door.ask('eth_gasPrice'))
  return { to, data, valueWei, gas, maxFeePerGas, chainId }
}

/** What the schedule can make of a call: a multiple of the unit in which fees are counted. */
function gasOf(url: string, value: unknown): bigint {
  const gas = quantityOf(url, value)
  if (gas > CALL_GAS_MAX || gas % BigInt(GAS_PER_FEE_UNIT) !== 0n)
    throw notUnderstood(url, `it asks for ${value as string} gas, which no call costs`)
  return gas
}

/**
 * The nonce to sign with. Where answers are proven it is the account's own: a node that names one further on could keep what is signed, say that it was
 * refused, and bring it in behind the one that is signed again.
 */
async function nextNonceOf(door: RpcDoor, address: Uint8Array): Promise<bigint> {
  if (door.isProven) return (await door.row(accounts, address))?.nonce ?? 0n
  return quantityOf(door.url, await door.ask('eth_getTransactionCount', hexOf(address), 'pending'))
}

export interface Sent {
  /** Hex. */
  readonly id: string
  readonly nonce: bigint
}

/** @throws {NodeError} `NODE_REFUSED`, `NODE_UNPROVEN` */
export async function sendCall(door: RpcDoor, { address, secretKey }: OwnerWallet, call: OwnerCall): Promise<Sent> {
  const nonce = await nextNonceOf(door, address)
  const { to, data, valueWei: value, gas: gasLimit, maxFeePerGas, chainId } = call
  const fields = { form: 'eip1559', chainId, nonce, maxPriorityFeePerGas: 0n, maxFeePerGas, gasLimit, to, value, data } as const
  const bytes = signAccountTransaction(fields, secretKey)
  await door.ask('selvedge_sendTransaction', hexOf(bytes))
  return { id: hexOf(transactionId(bytes)), nonce }
}

/**
 * Waits until the transaction is executed and its block certified; through a door that proves, what became of it is proven.
 * @throws {NodeError} `NODE_REFUSED` when another one took its nonce; `NODE_UNPROVEN`
 */
export async function untilFinal(
  door: RpcDoor,
  { address }: OwnerWallet,
  { id, nonce }: Sent,
  signal: AbortSignal,
  onProgress: (step: 'executed', height: number) => void,
): Promise<FinalReceipt> {
  let receipt: FinalReceipt | undefined
  while (receipt === undefined) {
    const isUsed = quantityOf(door.url, await door.ask('eth_getTransactionCount', hexOf(address), 'latest')) > nonce
    receipt = receiptIn(door.url, await door.ask('selvedge_getReceipt', id)) // after the nonce: a block may come in between
    if (receipt === undefined && isUsed)
      throw new NodeError('NODE_REFUSED', `another transaction of ${hexOf(address)} took the place of ${id}`)
    if (receipt === undefined) await sleep(LOOK_MS, undefined, { signal })
  }
  onProgress('executed', receipt.height)
  while ((await door.ask('selvedge_certificate', receipt.height)) === null) await sleep(LOOK_MS, undefined, { signal })
  return (await door.provenReceipt?.(id)) ?? receipt
}

function receiptIn(url: string, value: unknown): FinalReceipt | undefined {
  if (value === null) return undefined
  const { height, code, words, events } = objectOf(url, value)
  const list = Array.isArray(events) ? events.map((each) => objectOf(url, each)) : []
  return { height: integerOf(url, height), code: integerOf(url, code), words: String(words), events: list }
}
