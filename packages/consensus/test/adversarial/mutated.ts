/**
 * Loads the rules with one patch in them, beside the ones without: a `module.registerHooks` hook gives the sources of a patched import a
 * name of their own, and puts the patch in as they are loaded. No copy of the tree; one process a mutant.
 */
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Mode } from '../../src/dag/contract.ts'
import type { RuleMaker } from './config.ts'
import { applyPatch, type Mutant } from './patch.ts'

const SOURCES = new URL('../../src/', import.meta.url).href
const MARK = '?mutant'

export async function loadMutated(mutant: Mutant): Promise<Readonly<Record<Mode, RuleMaker>>> {
  const [bullshark, mysticeti] = await importMutated(mutant, ['dag/bullshark-rule.ts', 'dag/mysticeti-rule.ts'])
  const { createBullsharkRule } = bullshark as { readonly createBullsharkRule: RuleMaker }
  const { createMysticetiRule } = mysticeti as { readonly createMysticetiRule: RuleMaker }
  return { certified: createBullsharkRule, uncertified: createMysticetiRule }
}

/** Modules under `src/`, with all that they import from there, patched. @throws where the patch does not apply or its file is not loaded */
export async function importMutated(mutant: Mutant, files: readonly string[]): Promise<readonly unknown[]> {
  let isApplied = false
  const hooks = registerHooks({
    resolve(specifier, context, nextResolve) {
      const resolved = nextResolve(specifier, context)
      const isOurs = resolved.url.startsWith(SOURCES) && (context.parentURL?.endsWith(MARK) ?? false)
      return isOurs ? { ...resolved, url: resolved.url + MARK } : resolved
    },
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context)
      if (url !== SOURCES + mutant.file + MARK || loaded.source === undefined || loaded.source === null) return loaded
      isApplied = true
      const source = typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source)
      return { ...loaded, source: applyPatch(source, mutant) }
    },
  })
  const modules: unknown[] = []
  for (const file of files) modules.push(await import(SOURCES + file + MARK))
  hooks.deregister()
  if (!isApplied) throw new Error(`mutant ${mutant.id}: ${fileURLToPath(SOURCES + mutant.file)} was never loaded`)
  return modules
}
