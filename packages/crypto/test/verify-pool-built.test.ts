// Goal: what is published works: the pool finds its threads' script among the built files, in every Node that the package names, and a library
// that answers by another rule is believed in no thread.
// Method: built by the package's own settings into projects that have nothing else of ours, with the manifest that says what is exported.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { installedRuntimes } from '../../../tools/environments/runtimes.ts'
import { runCommand } from '../../../tools/run-command.ts'

const folder = dirname(import.meta.dirname)
const temporary = mkdtempSync(join(tmpdir(), 'verify-pool-'))
const built = join(temporary, 'dist')

beforeAll(async () => {
  const { code, output } = await runCommand('tsup', ['--silent', '--out-dir', built], { cwd: folder })
  if (code !== 0) throw new Error(`tsup ended with code ${code}\n${output}`)
}, 120_000)

afterAll(() => rmSync(temporary, { recursive: true, force: true }))

/** A project with the built package and what that depends on, except that `planted` stand in place of the modules that they name. */
function projectOf(name: string, script: string, planted: Readonly<Record<string, string>> = {}): string {
  const project = join(temporary, name)
  const own = join(project, 'node_modules/@selvedge/crypto')
  cpSync(built, join(own, 'dist'), { recursive: true })
  cpSync(join(folder, 'package.json'), join(own, 'package.json'))
  for (const each of readdirSync(join(folder, 'node_modules'))) {
    const place = join(own, 'node_modules', each)
    mkdirSync(each in planted ? place : dirname(place), { recursive: true })
    if (each in planted) writeFileSync(join(place, 'index.js'), planted[each]!)
    else symlinkSync(join(folder, 'node_modules', each), place)
  }
  cpSync(join(import.meta.dirname, script), join(project, 'main.mjs'))
  return project
}

const nodes = installedRuntimes().filter(({ name }) => name.startsWith('node-'))

test.each(nodes)('the built pool answers in $name', async ({ name, binary }) => {
  const { code, output } = await runCommand(binary!, ['main.mjs'], { cwd: projectOf(name, 'verify-pool.child.mjs') })
  expect({ code, output }).toEqual({ code: 0, output: '{"answers":[true,false,true]}\n' })
})

test('a library that takes everything fails the self-test in its thread, and nobody is told true', async () => {
  const lenient = 'module.exports = { crypto_sign_verify_detached: () => true }\n'
  const project = projectOf('lenient', 'verify-pool-lenient.child.mjs', { 'sodium-native': lenient })
  const { code, output } = await runCommand(process.execPath, ['main.mjs'], { cwd: project })
  expect({ code, output }).toEqual({ code: 0, output: '{"code":"VERIFY_POOL_THREAD_LOST","cause":"CRYPTO_SELF_TEST"}\n' })
})
