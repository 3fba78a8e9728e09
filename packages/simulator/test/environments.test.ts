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
const EXPECTED = { digest: 'db432995e55906999a3e4cc0f7dc99bb090404c9b6e6379a946a96c90d55c150', entries: [7416, 4997], sent: 8000 }

beforeAll(() => ensureBuilt(folder), 120_000)

for (const runtime of installedRuntimes()) {
  test(`the trace of seed 42 has its digest in ${runtime.name} ${runtime.version}`, { timeout: 120_000 }, async () => {
    const report = await runScript(runtime, { folder, packageName: '@selvedge/simulator', script: 'digest.ts' })
    expect(runtime.name === 'chromium' ? Object.values(report as object) : [report]).toEqual(
      runtime.name === 'chromium' ? [EXPECTED, EXPECTED] : [EXPECTED],
    )
  })
}
