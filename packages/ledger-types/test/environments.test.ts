// Goal: the built light client believes and refuses the same in every runtime that the README names.
// Method: one script (environments/conformance.ts) over the published vectors; none may be left out on linux-x64.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { ensureBuilt } from '../../../tools/environments/built.ts'
import { runScript } from '../../../tools/environments/run-script.ts'
import { installedRuntimes } from '../../../tools/environments/runtimes.ts'

const folder = dirname(dirname(fileURLToPath(import.meta.url)))

beforeAll(async () => {
  for (const room of ['crypto', 'state-tree', 'ledger-types']) await ensureBuilt(join(folder, '..', room))
}, 240_000)

describe('the built package', () => {
  for (const runtime of installedRuntimes()) {
    test(`follows the ledger in ${runtime.name} ${runtime.version}`, { timeout: 120_000 }, async () => {
      const report = await runScript(runtime, { folder, packageName: '@selvedge/ledger-types', script: 'conformance.ts' })
      process.stdout.write(`${runtime.name} ${runtime.version}: ${JSON.stringify(report)}\n`)
      const reports = runtime.name === 'chromium' ? Object.values(report as object) : [report]
      for (const each of reports) expect(each).toMatchObject({ epoch: 1 })
      expect(reports).toHaveLength(runtime.name === 'chromium' ? 2 : 1) // on a page and in a worker
    })
  }
})
