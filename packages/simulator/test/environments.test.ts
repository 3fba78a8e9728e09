// Goal: equal seeds give equal runs in every engine: the versions of Node that the package names, and the other runtimes.
// Method: one script (environments/digest.ts) hashes the traces of everything that chance decides; the digest is written down here, so that a
// change of what a seed means is seen and said.
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { ensureBuilt } from '../../../tools/environments/built.ts'
import { runScript } from '../../../tools/environments/run-script.ts'
import { installedRuntimes } from '../../../tools/environments/runtimes.ts'

const folder = dirname(dirname(fileURLToPath(import.meta.url)))
const EXPECTED = { digest: '25a7c6477d135646f6357816375583fe95b986a817e88d90f084642ab3a604f4', entries: [7413, 4966], sent: 8000 }

beforeAll(() => ensureBuilt(folder), 120_000)

for (const runtime of installedRuntimes()) {
  test(`the trace of seed 42 has its digest in ${runtime.name} ${runtime.version}`, { timeout: 120_000 }, async () => {
    const report = await runScript(runtime, { folder, packageName: '@selvedge/simulator', script: 'digest.ts' })
    expect(runtime.name === 'chromium' ? Object.values(report as object) : [report]).toEqual(
      runtime.name === 'chromium' ? [EXPECTED, EXPECTED] : [EXPECTED],
    )
  })
}
