/** What the node is: `eth_chainId`, `net_…`, `web3_clientVersion`. */
import type { Context, Methods } from '../context.ts'
import { quantityOf } from '../hex.ts'
import { Params } from '../params.ts'

export function networkMethods({ ledger, node, clientVersion }: Context): Methods {
  const constant = (read: () => unknown): Methods[string] => ({
    cost: 1,
    run(values) {
      new Params(values, 0)
      return read()
    },
  })
  return {
    eth_chainId: constant(() => quantityOf(ledger.chainId)),
    net_version: constant(() => ledger.chainId.toString()),
    net_listening: constant(() => true),
    net_peerCount: constant(() => quantityOf(node.peerCount())),
    web3_clientVersion: constant(() => clientVersion),
  }
}
