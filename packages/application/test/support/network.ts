/**
 * A small network for tests: genesis with four nodes and some funded accounts, keys from numbers, and blocks made by hand. The state
 * machine is the real one; who orders is this file.
 */
import {
  createApplication,
  createMemoryStore,
  type Application,
  type BlockItem,
  type KeyValueStore,
  type LedgerBlock,
  type Outcome,
} from '@selvedge/application'
import { createBlsKeyPair, type BlsKeyPair } from '@selvedge/crypto/bls'
import { createKeyPair, type KeyPair } from '@selvedge/crypto/ed25519'
import { addressOf, secp256k1PublicKeyOf } from '@selvedge/crypto/secp256k1'
import { sha256 } from '@selvedge/crypto/sha256'
import {
  createGenesisNode,
  devGenesis,
  encodeNodeBody,
  encodeSystemCall,
  encodeSystemMessage,
  encodeTokenCall,
  formatGenesis,
  NODE_KINDS,
  parseGenesis,
  signAccountTransaction,
  signNodeTransaction,
  type Genesis,
  type GenesisDetails,
  type NetworkAddress,
  type NodeBody,
  type SystemArguments,
  type SystemFunctionName,
  type SystemMessage,
  type UnsignedAccountTransaction,
} from '@selvedge/ledger-types'

import { testEvidenceRules } from './evidence.ts'

export const CHAIN_ID = 1337
export const GENESIS_MS = 1_700_000_000_000
export const EPOCH_MS = 12_000
export const NATIVE = 1_000_000n
export const WEI: bigint = 10n ** 12n

export interface Wallet {
  readonly secretKey: Uint8Array
  readonly address: Uint8Array
}

export interface TestNode {
  readonly owner: Wallet
  readonly keys: KeyPair
  readonly bls: BlsKeyPair
  readonly address: NetworkAddress
}

export function seedOf(text: string): Uint8Array {
  return sha256(new TextEncoder().encode(text))
}

export function createWallet(name: string): Wallet {
  const secretKey = seedOf(`wallet ${name}`)
  return { secretKey, address: addressOf(secp256k1PublicKeyOf(secretKey)) }
}

export function createNode(i: number): TestNode {
  const address = { ip: Uint8Array.of(127, i + 1, 0, 1), pool: 9000, sessions: 9001, websocket: 9002, pinger: 9003 }
  return { owner: createWallet(`owner ${i}`), keys: createKeyPair(seedOf(`node ${i}`)), bls: createBlsKeyPair(seedOf(`bls ${i}`)), address }
}

export interface NetworkOptions {
  readonly nodes?: number
  readonly wallets?: number
  readonly genesis?: Partial<GenesisDetails>
  readonly store?: KeyValueStore
  readonly isArchive?: boolean
}

/** Wallets have a million native tokens and ten thousand USD each, nodes a stake of 2,000 and up. */
export function createGenesis(options: NetworkOptions = {}): { genesis: Genesis; wallets: Wallet[]; nodes: TestNode[] } {
  const nodes = Array.from({ length: options.nodes ?? 4 }, (_, i) => createNode(i))
  const wallets = Array.from({ length: options.wallets ?? 4 }, (_, i) => createWallet(String(i)))
  const holders = [...wallets, ...nodes.map(({ owner }) => owner)].toSorted((a, b) => Buffer.compare(a.address, b.address))
  const bridge = createWallet('bridge')
  const details: GenesisDetails = {
    chainId: CHAIN_ID,
    timeMs: GENESIS_MS,
    governors: { threshold: 1, accounts: [createWallet('governor').address] },
    tokens: [{ symbol: 'USD', name: 'Dollar', keys: { threshold: 1, accounts: [bridge.address] }, cap: 10n ** 12n }],
    accounts: holders.map(({ address }) => ({ address, native: 1_000_000n * NATIVE, balances: [{ token: 1, amount: 10n ** 10n }] })),
    nodes: nodes.map(({ owner, keys, bls, address }, i) =>
      createGenesisNode({
        chainId: CHAIN_ID,
        timeMs: GENESIS_MS,
        owner: owner.address,
        keys,
        bls,
        x25519: seedOf(`x25519 ${i}`),
        notAfterEpoch: 100,
        addresses: [address],
        stake: BigInt(2_000 + i) * NATIVE,
      }),
    ),
    committee: nodes.map((_, i) => i),
    services: [
      {
        owner: wallets[0]!.address,
        manifest: seedOf('cdn'),
        multiplePpm: 1_000_000,
        payees: [{ account: wallets[0]!.address, ppm: 1_000_000 }],
      },
    ],
    ...options.genesis,
  }
  return { genesis: parseGenesis(formatGenesis(devGenesis(details))), wallets, nodes }
}

export class Network {
  readonly genesis: Genesis
  readonly wallets: readonly Wallet[]
  readonly nodes: readonly TestNode[]
  readonly store: KeyValueStore
  app: Application

  constructor(options: NetworkOptions = {}) {
    const { genesis, wallets, nodes } = createGenesis(options)
    this.genesis = genesis
    this.wallets = wallets
    this.nodes = nodes
    this.store = options.store ?? createMemoryStore()
    this.app = createApplication(
      { store: this.store, evidenceRules: testEvidenceRules },
      { genesis, ...(options.isArchive === undefined ? {} : { isArchive: options.isArchive }) },
    )
  }

  /** The next block. @param afterMs - later than the last. */
  next(items: readonly BlockItem[], afterMs = 100): LedgerBlock {
    const { epoch, index, height, timestampMs } = this.app.lastApplied()
    return { epoch, index: index + 1, digest: seedOf(`sub-dag ${height + 1}`), timestampMs: timestampMs + afterMs, items }
  }

  run(items: readonly BlockItem[], afterMs?: number): Outcome {
    return this.app.execute(this.next(items, afterMs))
  }

  /** One block with these transactions, all in one batch. */
  send(...transactions: readonly Uint8Array[]): Outcome {
    return this.run([{ type: 'transactions', author: 0, transactions }])
  }

  system(author: number, message: SystemMessage): BlockItem {
    return { type: 'system', author, bytes: encodeSystemMessage(message) }
  }

  /** A block at the epoch's planned end in which all members are ready. */
  closeEpoch(...before: readonly BlockItem[]): Outcome {
    const { epoch, timestampMs } = this.app.lastApplied()
    const { endMs, committee } = this.app.view()
    const ready = committee.map(({ authority }) => this.system(authority, { kind: 'readyToClose', epoch }))
    return this.run([...before, ...ready], Math.max(0, endMs - timestampMs))
  }

  nonceOf(wallet: Wallet): bigint {
    return this.app.account(wallet.address).nonce
  }

  /** A signed EIP-1559 transaction with the account's next nonce. */
  account(wallet: Wallet, fields: Partial<UnsignedAccountTransaction>): Uint8Array {
    const unsigned: UnsignedAccountTransaction = {
      form: 'eip1559',
      chainId: CHAIN_ID,
      nonce: this.nonceOf(wallet),
      maxPriorityFeePerGas: 0n,
      maxFeePerGas: 10n ** 13n,
      gasLimit: 10_000_000n,
      to: new Uint8Array(20),
      value: 0n,
      data: new Uint8Array(0),
      ...fields,
    }
    return signAccountTransaction(unsigned, wallet.secretKey)
  }

  transfer(from: Wallet, to: Uint8Array, micro: bigint, fields: Partial<UnsignedAccountTransaction> = {}): Uint8Array {
    return this.account(from, { to, value: micro * WEI, ...fields })
  }

  call<N extends SystemFunctionName>(
    wallet: Wallet,
    name: N,
    args: SystemArguments<N>,
    fields: Partial<UnsignedAccountTransaction> = {},
  ): Uint8Array {
    return this.account(wallet, { ...encodeSystemCall(name, args), ...fields })
  }

  tokenTransfer(from: Wallet, to: Uint8Array, amount: bigint, fields: Partial<UnsignedAccountTransaction> = {}): Uint8Array {
    return this.account(from, { ...encodeTokenCall(1, 'transfer', { to, amount }), ...fields })
  }

  /** Data of a token's function that names one account. */
  tokenData(name: 'transfer' | 'approve' | 'balanceOf', account: Uint8Array): Uint8Array {
    const args = { transfer: { to: account, amount: 1n }, approve: { spender: account, amount: 1n }, balanceOf: { account } } as const
    return encodeTokenCall(1, name, args[name] as never).data
  }

  node(nodeIndex: number, nonce: bigint, body: NodeBody, keys: KeyPair = this.nodes[nodeIndex]!.keys): Uint8Array {
    return this.nodeBytes(nodeIndex, nonce, NODE_KINDS[body.kind].id, encodeNodeBody(body), keys)
  }

  nodeBytes(nodeIndex: number, nonce: bigint, kind: number, body: Uint8Array, keys: KeyPair = this.nodes[nodeIndex]!.keys): Uint8Array {
    return signNodeTransaction({ chainId: CHAIN_ID, nodeIndex, nonce, kind, body }, (message) => keys.sign(message))
  }
}

/** Codes of the transactions of a block that have a receipt. */
export function codesOf(outcome: Outcome): number[] {
  return outcome.executed.slice(0, -1).map(({ code }) => code)
}

/** The block that follows for any ledger of this genesis: transfers that depend on the height alone, and every 20th closes its epoch. */
export function blockAfter(app: Application, wallets: readonly Wallet[]): LedgerBlock {
  const { epoch, index, height, timestampMs } = app.lastApplied()
  const [from, to] = [wallets[height % wallets.length]!, wallets[(height * 3 + 1) % wallets.length]!]
  const fields = { form: 'eip1559', chainId: CHAIN_ID, maxPriorityFeePerGas: 0n, maxFeePerGas: 10n ** 13n, gasLimit: 21_000n } as const
  const value = BigInt(height) * WEI
  const unsigned = { ...fields, nonce: app.account(from.address).nonce, to: to.address, value, data: new Uint8Array(0) }
  const transfer: BlockItem = { type: 'transactions', author: 0, transactions: [signAccountTransaction(unsigned, from.secretKey)] }
  const message = encodeSystemMessage({ kind: 'readyToClose', epoch })
  const isLast = height % 20 === 19
  const ready = app.view().committee.map(({ authority }): BlockItem => ({ type: 'system', author: authority, bytes: message }))
  const at = isLast ? Math.max(timestampMs, app.view().endMs) : timestampMs + 100
  return {
    epoch,
    index: index + 1,
    digest: seedOf(`sub-dag ${height + 1}`),
    timestampMs: at,
    items: isLast ? [transfer, ...ready] : [transfer],
  }
}
