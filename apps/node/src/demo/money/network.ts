/** A ledger of four validators on this machine, one of which serves content for money. Each is a process of its own. */
import { committeeOfGenesis, parseGenesis } from '@selvedge/ledger-types'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { freePorts } from '../../devnet/free-ports.ts'
import { LedgerDevnet } from '../../ledger-devnet/ledger-devnet.ts'
import { createSetup, type DevnetNode, type DevnetSetup } from '../../ledger-devnet/setup.ts'

const VALIDATORS = 4
const SERVER = 1
const LIAR = 2
const PORTS_A_NODE = 3
/** Customers: five for the attempts, one that signs nothing, one that signs for the false claim, and the last one in a page. */
const WALLETS = 8

export interface MoneyNetwork {
  readonly devnet: LedgerDevnet
  readonly setup: DevnetSetup
  /** The node that serves content. */
  readonly server: DevnetNode
  /** Its door. */
  readonly content: { readonly host: string; readonly port: number; readonly nodeKey: Uint8Array }
  /** Its door for pages. */
  readonly websocketUrl: string
  /** The node that claims twice what it delivered. */
  readonly liar: DevnetNode
  /** Where all of it is read: JSON-RPC of the node that serves. */
  readonly rpcPort: number
  stop(): Promise<void>
}

/** Takes part in its order when it resolves: each validator has executed a block. */
export async function startMoneyNetwork(folder: string, origins: readonly string[]): Promise<MoneyNetwork> {
  const ports = await freePorts(PORTS_A_NODE * (VALIDATORS + 1))
  const portsOf = (index: number): readonly [number, number, number] => {
    const [order, rpc, sync] = ports.slice(PORTS_A_NODE * index)
    return [order!, rpc!, sync!]
  }
  const setup = createSetup(
    VALIDATORS,
    WALLETS,
    Array.from({ length: VALIDATORS + 1 }, (_, index) => portsOf(index)),
  )
  const members = [...Array(VALIDATORS).keys()]
  const first = committeeOfGenesis(parseGenesis(setup.genesisFile)).map(({ nodeIndex }) => nodeIndex)
  const devnet = new LedgerDevnet(setup, first, folder)
  try {
    const [, doors] = await Promise.all(members.map((index) => devnet.start(index, index === SERVER ? { origins } : undefined)))
    await devnet.processes.until('the first blocks', () => members.every((index) => devnet.processes.heightOf(index) > 0))
    const server = setup.nodes[SERVER]!
    const { publicKey: nodeKey } = createKeyPair(server.seeds.node)
    return {
      devnet,
      setup,
      server,
      content: { host: '127.0.0.1', port: doors!.sessions, nodeKey },
      websocketUrl: `ws://127.0.0.1:${doors!.websocket}`,
      liar: setup.nodes[LIAR]!,
      rpcPort: server.ports.rpc,
      stop: () => devnet.stop(),
    }
  } catch (error) {
    await devnet.stop()
    throw error
  }
}
