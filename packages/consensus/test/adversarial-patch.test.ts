/** A planted bug whose file nobody loads would survive for ever and look like a rule that bears everything: its run must fail instead. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const mutated = new URL('adversarial/mutated.ts', import.meta.url).href

/** In a process of its own, as mutants are. */
async function importOf(file: string, find: string): Promise<string> {
  const mutant = JSON.stringify({ id: 'planted', mode: 'certified', class: 'safety', file, find, put: 'null' })
  const script = `const { importMutated } = await import(${JSON.stringify(mutated)}); await importMutated(${mutant}, ['dag/bullshark-rule.ts'])`
  const args = ['--conditions=@selvedge/source', '--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', script]
  return await promisify(execFile)(process.execPath, args).then(
    () => 'loaded',
    ({ stderr }: { readonly stderr: string }) => stderr,
  )
}

test('a patch of a file that is loaded is put in', async () => {
  expect(await importOf('dag/quorum.ts', '(total + 2n) / 3n')).toBe('loaded')
})

test('a patch of a file that is never loaded fails the run', async () => {
  expect(await importOf('dag/mysticeti-rule.ts', 'WAVE_ROUNDS = 3')).toContain('mysticeti-rule.ts was never loaded')
})

test('a patch that does not apply where it is loaded fails the run', async () => {
  expect(await importOf('dag/quorum.ts', 'total + 4n')).toContain('its tokens occur 0 times, not once')
})
