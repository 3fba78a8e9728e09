/**
 * Turns a script of `test/environments/` into what a runtime starts. The package under test is never compiled in from its sources: Node,
 * Deno and Bun resolve its built files by name when they run, as they would from an installed package; page, worker and workerd get a
 * bundle of the built files that their own export conditions choose.
 */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build, type BuildOptions } from 'esbuild'

/** `module`: resolved at run time. `browser`, `workerd`: one file, with the export conditions of that name. */
export type BundleTarget = 'module' | 'browser' | 'workerd'

const conditions: Readonly<Record<BundleTarget, string[]>> = {
  module: [],
  browser: ['browser', 'import'],
  workerd: ['workerd', 'worker', 'import'],
}

export interface BundleOptions {
  /** The package's own folder. */
  readonly folder: string
  /** Its name in `package.json`. */
  readonly packageName: string
  readonly target: BundleTarget
  /** The file's name, without folder or ending. */
  readonly name: string
  /** Source text of the entry, in which imports resolve as in a file of `test/environments/`. */
  readonly code: string
}

/** Where bundles lie: a package of its own, so that a package is found by name in `node_modules` and not by being itself. */
function prepare({ folder, packageName }: BundleOptions): string {
  const place = join(folder, '.tmp/environments')
  const link = join(place, 'node_modules', packageName)
  mkdirSync(dirname(link), { recursive: true })
  writeFileSync(join(place, 'package.json'), '{ "private": true, "type": "module" }\n')
  rmSync(link, { force: true })
  symlinkSync(folder, link, 'dir')
  return place
}

/** @returns the path of the bundle. Imported `.wasm` files lie beside it. */
export async function bundle(options: BundleOptions): Promise<string> {
  const { folder, packageName, target, name, code } = options
  const outfile = join(prepare(options), `${name}.${target}.mjs`)
  const common: BuildOptions = {
    stdin: { contents: code, resolveDir: join(folder, 'test/environments'), loader: 'ts', sourcefile: `${name}.entry.ts` },
    outfile,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'silent',
  }
  if (target === 'module') await build({ ...common, platform: 'node', external: [packageName, `${packageName}/*`] })
  else {
    await build({
      ...common,
      platform: target === 'browser' ? 'browser' : 'neutral',
      conditions: conditions[target],
      mainFields: ['module', 'main'],
      loader: { '.wasm': 'copy' },
      assetNames: '[name]',
      external: ['node:*'],
    })
  }
  return outfile
}
