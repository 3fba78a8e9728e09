/** The same client in a page of headless Chromium. The browser and the bundler are tools of this clone, so they are looked for when needed. */
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { formatNodeAddress, type NodeAddress, type PayingAccount } from '@selvedge/client'
import { NodeError } from '../../errors.ts'
import { formatAccount, hexOf } from './account-text.ts'
import type { PageOrder, PageReport } from './page.ts'

export type { PageReport } from './page.ts'

const TOP = resolve(import.meta.dirname, '..', '..', '..', '..', '..')

export interface BrowserOrder {
  /** With its WebSocket. */
  readonly node: NodeAddress
  readonly chainId: number
  /** CID or root, as text. */
  readonly address: string
  readonly account?: PayingAccount
}

interface PageTools {
  chromiumPath(): string | undefined
  runInPage(options: { readonly entry: string; readonly call: string; readonly argument: unknown }): Promise<unknown>
}

/** @throws {NodeError} `NODE_USAGE` where no Chromium is installed. */
export async function fetchInBrowser({ node, chainId, address, account }: BrowserOrder): Promise<PageReport> {
  const tools = (await import(pathToFileURL(join(TOP, 'tools', 'environments', 'page-script.ts')).href)) as PageTools
  if (tools.chromiumPath() === undefined) throw new NodeError('NODE_USAGE', 'no Chromium is installed: run pnpm install --frozen-lockfile')
  const order: PageOrder = {
    node: textOf(node),
    chainId,
    address,
    ...(account === undefined ? {} : { account: formatAccount(account) }),
  }
  return (await tools.runInPage({ entry: join(import.meta.dirname, 'page.ts'), call: 'fetchAndPay', argument: order })) as PageReport
}

function textOf(node: NodeAddress): string {
  const { websocket } = node
  if (websocket === undefined) throw new NodeError('NODE_USAGE', 'the address of the node names no WebSocket: a page cannot reach it')
  return `${formatNodeAddress(node)}?ws=${encodeURIComponent(websocket.url)}&noise=${hexOf(websocket.noiseRecord)}`
}
