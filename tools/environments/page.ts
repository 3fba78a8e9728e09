/** A page in Chromium, served from this machine and isolated from other origins, so that SharedArrayBuffer is there. */
import { createReadStream } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { launchChromium } from './chromium.ts'

export type { Browser, Page } from 'playwright-core'

export interface PageOptions {
  /** The page at `/`. */
  readonly html: string
  /** Path under `/` to a file on disk: scripts. */
  readonly files: Readonly<Record<string, string>>
  /** Answers what is neither; return false to leave it a 404. */
  readonly serve?: (request: IncomingMessage, response: ServerResponse) => boolean
  /** A browser that stays the caller's; else one is started and closed with the page. */
  readonly browser?: Browser
  /** Of the page. @default none */
  readonly contentSecurityPolicy?: string
}

export interface OpenPage extends AsyncDisposable {
  readonly page: Page
  readonly origin: string
  /** What the page wrote to its console, and its uncaught errors. */
  readonly messages: readonly string[]
}

const isolated = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }

export async function openPage({ html, files, serve, browser, contentSecurityPolicy }: PageOptions): Promise<OpenPage> {
  const policy = contentSecurityPolicy === undefined ? {} : { 'content-security-policy': contentSecurityPolicy }
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    const file = files[path.slice(1)]
    if (path === '/') response.writeHead(200, { 'content-type': 'text/html', ...isolated, ...policy }).end(`<!doctype html>${html}`)
    else if (file !== undefined) {
      response.writeHead(200, { 'content-type': 'text/javascript', ...isolated })
      createReadStream(file).pipe(response)
    } else if (serve?.(request, response) !== true) response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const own = browser ?? (await launchChromium())
  const context = await own.newContext()
  const page = await context.newPage()
  const messages: string[] = []
  page.on('console', (message) => messages.push(message.text()))
  page.on('pageerror', (error) => messages.push(String(error.stack ?? error)))
  await page.goto(`${origin}/`)
  return {
    page,
    origin,
    messages,
    async [Symbol.asyncDispose]() {
      await context.close()
      if (browser === undefined) await own.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
