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
  const bullshark = (await import(`${SOURCES}dag/bullshark-rule.ts${MARK}`)) as { readonly createBullsharkRule: RuleMaker }
  const mysticeti = (await import(`${SOURCES}dag/mysticeti-rule.ts${MARK}`)) as { readonly createMysticetiRule: RuleMaker }
  hooks.deregister()
  if (!isApplied) throw new Error(`mutant ${mutant.id}: ${fileURLToPath(SOURCES + mutant.file)} was never loaded`)
  return { certified: bullshark.createBullsharkRule, uncertified: mysticeti.createMysticetiRule }
}
