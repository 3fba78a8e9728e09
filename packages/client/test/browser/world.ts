/** A node that is paid, and a page of a real Chromium that reaches it over WebSocket. */
import { deflateSync, crc32 } from 'node:zlib'
import { encodeDelegation } from '@selvedge/delivery-acknowledgement'
import { onTestFinished } from 'vitest'
import { type Browser, type OpenPage, openPage } from '../../../../tools/environments/page.ts'
import { formatNodeAddress, type NodeAddress } from '../../src/index.ts'
import { payingAccount } from '../paying-node.ts'
import type { AccountText } from '../environments/page.ts'

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** With its WebSocket: what a page needs. */
export function textOf(node: NodeAddress): string {
  const { url, noiseRecord } = node.websocket!
  return `${formatNodeAddress(node)}?ws=${encodeURIComponent(url)}&noise=${hexOf(noiseRecord)}`
}

/** An account of its own: what one page has paid does not count for the next. */
export function accountText(): AccountText {
  const { delegation, sessionKey } = payingAccount()
  return { delegation: hexOf(encodeDelegation(delegation)), seed: hexOf(sessionKey.seed) }
}

/** A page that has the functions of `page.ts`, until the test is over. */
export async function openedPage(browser: Browser, scripts: Readonly<Record<string, string>>, html = ''): Promise<OpenPage> {
  const opened = await openPage({ browser, files: scripts, html: `<script type="module" src="/functions.js"></script>${html}` })
  onTestFinished(() => opened[Symbol.asyncDispose]())
  return opened
}

/** A picture of noise, so that it is as long as it is large. */
export function pngOf(width: number, height: number): Uint8Array {
  const chunk = (type: string, data: Uint8Array): Buffer => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
    const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    checksum.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, checksum])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2], 8) // eight bits a channel, red, green and blue
  const rows = Buffer.alloc(height * (1 + 3 * width))
  for (let i = 0; i < rows.length; i++) rows[i] = i % (1 + 3 * width) === 0 ? 0 : Math.imul(i, 2_654_435_761) >>> 24
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  const chunks = [chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]
  return new Uint8Array(Buffer.concat([signature, ...chunks]))
}
