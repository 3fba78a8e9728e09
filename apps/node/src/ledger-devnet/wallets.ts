/** What people do in the story, through the doors of nodes: a wallet's transfer with viem, and calls of the system. */
import { createBlsKeyPair } from '@selvedge/crypto/bls'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import {
  createGenesisNode,
  encodeSystemCall,
  registrationSigningBytes,
  signAccountTransaction,
  type SystemArguments,
  type SystemFunctionName,
} from '@selvedge/ledger-types'
import { setTimeout as sleep } from 'node:timers/promises'
import { x25519KeyOf } from '../ledger-tools/ledger-seeds.ts'
import { ask, hexOf } from './rpc-client.ts'
import { addressOfNode, CHAIN_ID, MICRO, type DevnetSetup, type Wallet } from './setup.ts'

const WEI: bigint = 10n ** 12n
const LOOK_MS = 100
const LOOKS_MAX = 600
const GAS_LIMIT = 2_000_000n
const MAX_FEE_WEI = 10n ** 14n

/** A transfer by viem's wallet client at the first node. @returns on how many nodes its receipt was read. */
export async function sendWithViem({ nodes, user }: DevnetSetup, members: readonly number[], say: (line: string) => void): Promise<number> {
  const { createWalletClient, defineChain, http, parseEther } = await import('viem')
  const { privateKeyToAccount } = await import('viem/accounts')
  const urls = members.map((index) => `http://127.0.0.1:${nodes[index]?.ports.rpc}`)
  const currency = { name: 'Selvedge', symbol: 'SLV', decimals: 18 }
  const chain = defineChain({ id: CHAIN_ID, name: 'devnet', nativeCurrency: currency, rpcUrls: { default: { http: urls.slice(0, 1) } } })
  const account = privateKeyToAccount(hexOf(user.secretKey) as `0x${string}`)
  const wallet = createWalletClient({ account, chain, transport: http() })
  const hash = await wallet.sendTransaction({ to: hexOf(nodes[0]!.owner.address) as `0x${string}`, value: parseEther('1.5') })
  const seen = await Promise.all(members.map((index) => receiptOf(nodes[index]!.ports.rpc, hash)))
  const good = seen.filter((receipt) => receipt?.code === 0).length
  say(`a wallet (viem) sent 1.5 SLV through node 0; its receipt was read on ${good} of ${members.length}`)
  return good
}

/** Calls a function of the system through a node's door, and waits for the receipt. @throws when it failed. */
export async function callSystem<N extends SystemFunctionName>(
  { nodes }: DevnetSetup,
  through: number,
  wallet: Wallet,
  name: N,
  args: SystemArguments<N>,
  valueMicro = 0n,
): Promise<void> {
  const port = nodes[through]!.ports.rpc
  const nonce = BigInt((await ask(port, 'eth_getTransactionCount', hexOf(wallet.address), 'latest')) as string)
  const fees = { maxPriorityFeePerGas: 0n, maxFeePerGas: MAX_FEE_WEI, gasLimit: GAS_LIMIT }
  const call = { form: 'eip1559' as const, chainId: CHAIN_ID, nonce, ...fees, value: valueMicro * WEI, ...encodeSystemCall(name, args) }
  await sendRaw(port, signAccountTransaction(call, wallet.secretKey), name)
}

/** Hands a signed transaction to a node and waits for its receipt. @returns its code. @throws when it was refused; `cause` is the receipt, if it has one. */
export async function sendRaw(port: number, bytes: Uint8Array, what: string): Promise<number> {
  const id = (await ask(port, 'selvedge_sendTransaction', hexOf(bytes))) as string
  const receipt = await receiptOf(port, id)
  if (receipt === undefined) throw new Error(`${what}: no receipt`)
  if (receipt.code !== 0) throw new Error(`${what}: code ${receipt.code} ${receipt.words}`, { cause: receipt })
  return receipt.code
}

interface ReceiptAnswer {
  readonly code: number
  readonly words: string
}

async function receiptOf(port: number, id: string): Promise<ReceiptAnswer | undefined> {
  for (let look = 0; look < LOOKS_MAX; look++) {
    const receipt = (await ask(port, 'selvedge_getReceipt', id)) as ReceiptAnswer | null
    if (receipt !== null) return receipt
    await sleep(LOOK_MS)
  }
  return undefined
}

/** The node that is in no list registers, with a stake. */
export async function registerNewcomer(setup: DevnetSetup, index: number, say: (line: string) => void): Promise<void> {
  const node = setup.nodes[index]!
  const { owner, seeds } = node
  const keys = createKeyPair(seeds.node)
  const details = { chainId: CHAIN_ID, owner: owner.address, keys, bls: createBlsKeyPair(seeds.bls), x25519: x25519KeyOf(seeds) }
  const record = createGenesisNode({ ...details, timeMs: 0, notAfterEpoch: 10_000, addresses: [addressOfNode(node)], stake: 0n })
  const { nodeKey, bls, pop, noiseRecord, addresses } = record
  const nodeSig = keys.sign(registrationSigningBytes({ chainId: CHAIN_ID, owner: owner.address, bls, noiseRecord, addresses }))
  await callSystem(setup, 1, owner, 'registerNode', { nodeKey, bls, pop, nodeSig, noiseRecord, addresses }, 2_000n * MICRO)
  say(`node ${index} was registered with a stake of 2,000 by a transaction`)
}
