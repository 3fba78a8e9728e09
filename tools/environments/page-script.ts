/** Runs a TypeScript file of this clone in a page of a real Chromium: bundled from the sources of all packages, as a page would bundle them. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
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

export interface BundledScript {
  /** In which imports resolve as in a file of `folder`. */
  readonly contents: string
  readonly folder: string
  /** Of the bundle, without ending. One name has one script at a time in one process. */
  readonly name: string
}

/** A script, bundled from the sources of all packages: for a page, or for a worker of any kind. @returns the path of the bundle. */
export async function bundleScript({ contents, folder, name }: BundledScript): Promise<string> {
  mkdirSync(PLACE, { recursive: true })
  const outfile = join(PLACE, `page-script-${process.pid}-${name}.js`)
  await build({
    stdin: { contents, resolveDir: folder, loader: 'ts', sourcefile: `${name}.ts` },
    outfile,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['@selvedge/source', 'browser', 'import'],
    target: 'es2022',
    logLevel: 'silent',
  })
  return outfile
}

/** What the function returns in the page. @throws what it throws there, and when there is no browser. */
export async function runInPage({ entry, call, argument }: PageScriptOptions): Promise<unknown> {
  const script = await bundleScript({ contents: readFileSync(entry, 'utf8'), folder: dirname(entry), name: 'run' })
  try {
    await using opened = await openPage({ html: '<script type="module" src="/script.js"></script>', files: { 'script.js': script } })
    const { page, messages } = opened
    try {
      return await page.evaluate(`${call}(${JSON.stringify(argument)})`)
    } catch (cause) {
      throw new Error([`the page failed: ${(cause as Error).message}`, ...messages].join('\n'), { cause })
    }
  } finally {
    rmSync(script, { force: true })
  }
}
