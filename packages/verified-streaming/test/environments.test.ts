// Goal: the built package does the same in every runtime that the README names, with the engine that the README says.
// Method: one script (environments/conformance.ts) that holds every runtime against a slow reference; none may be left out on linux-x64.
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { ensureBuilt } from '../../../tools/environments/built.ts'
import { runScript } from '../../../tools/environments/run-script.ts'
import { installedRuntimes, runtimes } from '../../../tools/environments/runtimes.ts'

const folder = dirname(dirname(fileURLToPath(import.meta.url)))
const installed = installedRuntimes()
/** workerd starts no workers, and has its kernel from the build. */
const expectedOf = (name: string): object => ({ kernel: 'WebAssembly', workers: name === 'workerd' ? 0 : 2 })

beforeAll(() => ensureBuilt(folder), 120_000)

describe('the built package', () => {
  for (const runtime of installed) {
    test(`passes the conformance script in ${runtime.name} ${runtime.version}`, { timeout: 120_000 }, async () => {
      const report = await runScript(runtime, { folder, packageName: '@selvedge/verified-streaming', script: 'conformance.ts' })
      process.stdout.write(`${runtime.name} ${runtime.version}: ${JSON.stringify(report)}\n`)
      const reports = runtime.name === 'chromium' ? Object.values(report as object) : [report]
      for (const each of reports) expect(each).toMatchObject(expectedOf(runtime.name))
    })
  }
})

test('a page whose policy forbids WebAssembly hashes in portable JavaScript, with the same results', { timeout: 60_000 }, async () => {
  for (const runtime of installed.filter(({ name }) => name === 'chromium')) {
    const policy = "default-src 'self'" // no 'wasm-unsafe-eval'
    const options = { folder, packageName: '@selvedge/verified-streaming', script: 'conformance.ts', contentSecurityPolicy: policy }
    expect(await runScript(runtime, options)).toMatchObject({ page: { kernel: 'portable', workers: 0 } })
  }
})

test('a script that fails is reported, in every runtime', { timeout: 60_000 }, async () => {
  for (const runtime of installed) {
    await expect(runScript(runtime, { folder, packageName: '@selvedge/verified-streaming', script: 'planted.ts' })).rejects.toThrow(
      'planted',
    )
  }
})

test('every runtime is known by name', () => {
  expect(runtimes().map(({ name }) => name)).toEqual(['node-20', 'node-22', 'node-24', 'deno', 'bun', 'workerd', 'chromium'])
})
