/** Runs a TypeScript file of this clone in a page of a real Chromium: bundled from the sources of all packages, as a page would bundle them. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { openPage } from './page.ts'

export { chromiumPath } from './chromium.ts'

export interface PageScriptOptions {
  /** What runs in the page. A built-in of Node anywhere below it is an error. */
  readonly entry: string
  /** The global function that it leaves there: of what JSON can carry, and async. */
  readonly call: string
  readonly argument: unknown
}

const PLACE = join(import.meta.dirname, '.tmp')

/** What the function returns in the page. @throws what it throws there, and when there is no browser. */
export async function runInPage({ entry, call, argument }: PageScriptOptions): Promise<unknown> {
  mkdirSync(PLACE, { recursive: true })
  const outfile = join(PLACE, `page-script-${process.pid}.js`)
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    minify: true,
    format: 'iife',
    platform: 'browser',
    conditions: ['@selvedge/source', 'browser', 'import'],
    target: 'es2022',
    logLevel: 'silent',
  })
  await using opened = await openPage({ html: '<script src="/script.js"></script>', files: { 'script.js': outfile } })
  const { page, messages } = opened
  try {
    return await page.evaluate(`${call}(${JSON.stringify(argument)})`)
  } catch (cause) {
    throw new Error([`the page failed: ${(cause as Error).message}`, ...messages].join('\n'), { cause })
  }
}
