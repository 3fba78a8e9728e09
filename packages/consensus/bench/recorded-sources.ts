/**
 * Of what the records of long runs are: digests of the sources that each of them played, as they are today.
 *
 *   node --conditions=@selvedge/source bench/recorded-sources.ts
 *
 * prints them as JSON. Where a row of SOAK.md or a table of FUZZ.md names another digest, it is a record of other code. The condition is needed: without
 * it, imports lead into what was built.
 */
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { sourceDigestOf } from '../test/support/source-digest.ts'

/** 12 hex digits each. */
export interface RecordedSources {
  /** The commit rules, their DAG, the scheduler and the invariants (test/adversarial/soak.ts). */
  readonly rules: string
  /** All of src/wire (bench/fuzz.ts). */
  readonly wire: string
}

export function wireDigest(): string {
  const wire = join(import.meta.dirname, '../src/wire')
  return sourceDigestOf(...globSync('*.ts', { cwd: wire }).map((file) => pathToFileURL(join(wire, file))))
}

export const recordedSources = (): RecordedSources => ({
  rules: sourceDigestOf(new URL('../test/adversarial/hunt.ts', import.meta.url)),
  wire: wireDigest(),
})

if (import.meta.main) process.stdout.write(JSON.stringify(recordedSources()))
