import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

const top = import.meta.dirname

/** Tests run on sources: the source condition comes before a package's built files. */
const conditions = ['@selvedge/source', 'node', 'import', 'module', 'default']
const rooms = ['packages', 'apps'].flatMap((folder) => readdirSync(join(top, folder)).map((name) => ({ name, root: `${folder}/${name}` })))
const projects = [...rooms, { name: 'tools', root: 'tools' }].filter(({ root }) => existsSync(join(top, root, 'test')))

/**
 * Tests start hundreds of processes: workers, and nodes and tools from source. Types are stripped and code is compiled once for all of
 * them, not at each start: workers write to this folder as they stop, and what they start inherits it.
 */
process.env.NODE_COMPILE_CACHE ??= join(top, 'node_modules/.cache/compile')

/**
 * Tests and sources are imported by Node itself, as everybody else imports them: Vite transforms nothing, and `vi.mock`, which nobody uses
 * here, would do nothing. `vi.resetModules` forgets what Vite's runner has loaded and nothing else: rooms that call it keep that runner.
 */
const LOADS_ANEW = ['crypto']

export default defineConfig({
  test: {
    projects: projects.map(({ name, root }) => ({
      resolve: { conditions },
      ssr: { resolve: { conditions, externalConditions: conditions } },
      test: {
        name,
        root,
        include: ['test/**/*.test.ts'],
        testTimeout: 60_000,
        hookTimeout: 60_000,
        execArgv: ['--conditions=@selvedge/source'],
        experimental: { viteModuleRunner: LOADS_ANEW.includes(name), nodeLoader: false },
      },
    })),
    maxWorkers: 2,
  },
})
