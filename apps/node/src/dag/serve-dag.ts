import { createGateway } from '@selvedge/gateway'
import { serveGateway, type GatewayServer } from '@selvedge/gateway/node'
import type { FileDag } from './file-dag.ts'

/** The trustless gateway over a DAG of files: an IPFS origin. */
export async function serveDag(dag: FileDag, listen: { readonly host?: string; readonly port?: number } = {}): Promise<GatewayServer> {
  return await serveGateway(createGateway({ blocks: dag.blocks }), listen)
}
