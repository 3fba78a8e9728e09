import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

const top = import.meta.dirname

/** Tests run on sources: the source condition comes before a package's built files. */
const conditions = ['@selvedge/source', 'node', 'import', 'module', 'default']
const rooms = ['packages', 'apps'].flatMap((folder) => readdirSync(join(top, folder)).map((name) => ({ name, root: `${folder}/${name}` })))
const projects = [...rooms, { name: 'tools', root: 'tools' }].filter(({ root }) => existsSync(join(top, root, 'test')))

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
      },
    })),
    maxWorkers: 2,
  },
})
