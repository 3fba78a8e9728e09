/** The README's blocks for pages, as scripts: what is tested is what stands there, but for names that no node here has. */
import { readFile } from 'node:fs/promises'
import { expect } from 'vitest'
import { bundleScript } from '../../../../tools/environments/page-script.ts'

const FOLDER: string = import.meta.dirname

/** Bundled, in the order in which they stand; each text of `replaced` must be somewhere in them. */
export async function readmeScripts(replaced: Readonly<Record<string, string>>, name: string): Promise<string[]> {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
  const blocks = [...readme.matchAll(/```js tested-by=test\/browser\.test\.ts\n(.*?)```/gs)].map(([, block = '']) => block)
  for (const text of Object.keys(replaced)) expect(blocks.join('')).toContain(text)
  const filled = blocks.map((block) => Object.entries(replaced).reduce((code, [text, value]) => code.replaceAll(text, value), block))
  return await Promise.all(filled.map((contents, i) => bundleScript({ contents, folder: FOLDER, name: `${name}-${i}` })))
}

/** Leaves the functions of `page.ts` in the page. */
export async function pageFunctions(): Promise<string> {
  const contents = "import * as functions from '../environments/page.ts'\nObject.assign(globalThis, functions)"
  return await bundleScript({ contents, folder: FOLDER, name: 'functions' })
}

/** A worker with an account, whose code the README does not show: it says what was paid when it is asked. */
export async function payingWorker(node: string, account: object): Promise<string> {
  const contents = `
    import { createClient } from '@selvedge/client'
    import { createContentHandler } from '@selvedge/client/service-worker'
    import { accountOf } from '../environments/page.ts'
    const client = createClient({ nodes: [${JSON.stringify(node)}], account: accountOf(${JSON.stringify(account)}) })
    self.addEventListener('install', () => self.skipWaiting())
    self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))
    self.addEventListener('fetch', createContentHandler({ client }))
    self.addEventListener('message', ({ ports: [port] }) => port.postMessage({ paidBytes: String(client.cost().bytes) }))`
  return await bundleScript({ contents, folder: FOLDER, name: 'paying-worker' })
}
