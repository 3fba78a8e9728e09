// Goal: the built package gives the same roots, proofs and groups in every runtime that the README names.
// Method: one script (environments/root.ts); what it returns is written down here, since a root that moves breaks every user's data.
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { ensureBuilt } from '../../../tools/environments/built.ts'
import { runScript } from '../../../tools/environments/run-script.ts'
import { installedRuntimes } from '../../../tools/environments/runtimes.ts'

const folder = dirname(dirname(fileURLToPath(import.meta.url)))
const EXPECTED = {
  root: '0e1c7c6668a8414718c828a72aa997f0420d306f2a9b3c50a9d52d90b591de05',
  proof: '7dbe8edcb787b964c9dd6090159119c18bac0817ab09353f9469508e46ea9606',
  groups: 1141,
}

beforeAll(() => ensureBuilt(folder), 120_000)

for (const runtime of installedRuntimes()) {
  test(`a tree has its root in ${runtime.name} ${runtime.version}`, { timeout: 120_000 }, async () => {
    const report = await runScript(runtime, { folder, packageName: '@selvedge/state-tree', script: 'root.ts' })
    expect(runtime.name === 'chromium' ? Object.values(report as object) : [report]).toEqual(
      runtime.name === 'chromium' ? [EXPECTED, EXPECTED] : [EXPECTED],
    )
  })
}
