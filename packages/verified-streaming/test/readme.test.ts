// Goal: what somebody copies out of the README works. Blocks that name no other test run here as they stand; the others are the very files
// that their tests run.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseMarkdown } from '../../../tools/markdown.ts'
import { VerifyError } from '../src/index.ts'

const folder = dirname(dirname(fileURLToPath(import.meta.url)))
const readme = readFileSync(join(folder, 'README.md'), 'utf8')
const scripts = parseMarkdown(readme).blocks.filter(({ language }) => language === 'js')
const examples = ['video/sw.js', 'video/page.js', 'edge/worker.js', 'resume/download.js', 'drop/page.js']
let place: string

beforeAll(() => {
  mkdirSync(join(folder, '.tmp'), { recursive: true })
  place = mkdtempSync(join(folder, '.tmp/readme-test-')) // within the package, so that it finds itself by name
})
afterAll(() => rmSync(place, { recursive: true, force: true }))

function run(name: string, code: string): Promise<{ code: number | null; output: string }> {
  writeFileSync(join(place, name), code)
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--conditions=@selvedge/source', name], { cwd: place })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()))
    child.on('close', (ended) => resolve({ code: ended, output }))
  })
}

describe('the README', () => {
  const runnable = scripts.filter(({ attributes }) => !('tested-by' in attributes))

  test.each(runnable.map(({ code, line }) => [line, code] as const))(
    'has an example at line %i that runs as it stands',
    async (line, code) => {
      const outcome = await run(`line-${line}.mjs`, code)
      expect(outcome).toMatchObject({ code: 0 })
      // What a comment behind a console.log promises is what it prints.
      const promised = [...code.matchAll(/console\.log\(.*\) \/\/ ([^:,\n]+)/g)].map(([, text = '']) => text.trim())
      for (const text of promised) expect(outcome.output).toContain(text)
    },
  )

  test('shows, where it names another test, exactly the file that this test runs', () => {
    const shown = scripts.filter(({ attributes }) => 'tested-by' in attributes).map(({ code }) => code)
    expect(shown).toEqual(examples.map((name) => readFileSync(join(folder, 'examples', name), 'utf8')))
  })

  test('names every code that the package throws', () => {
    const source = readFileSync(join(folder, 'src/errors.ts'), 'utf8')
    const codes = [...source.matchAll(/'(VERIFY_[A-Z_]+)'/g)].map(([, code]) => code)
    expect(codes.length).toBeGreaterThan(8)
    for (const code of codes) expect(readme).toContain(`| \`${code}\` |`)
    expect(new VerifyError('VERIFY_MISMATCH', 'x')).toMatchObject({ name: 'VerifyError', code: 'VERIFY_MISMATCH' })
  })

  test('names every runtime that was tested, by its version', () => {
    const versions = JSON.parse(readFileSync(join(folder, '../../tools/environments/package.json'), 'utf8')) as {
      optionalDependencies: Record<string, string>
    }
    for (const version of Object.values(versions.optionalDependencies))
      expect(readme).toContain(version.replace(/^.*@/, '').replace(/\.0\.0$/, ''))
  })
})
