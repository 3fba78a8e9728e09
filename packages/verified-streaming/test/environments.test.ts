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

test('every runtime is known by name', () => {
  expect(runtimes().map(({ name }) => name)).toEqual(['node-20', 'node-22', 'node-24', 'deno', 'bun', 'workerd', 'chromium'])
})
