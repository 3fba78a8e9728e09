import { expect, test } from 'vitest'
import { checkPackages } from '../check-packages.ts'
import { preparePackages } from '../packed.ts'
import { weigh } from '../size.ts'
import { linesOf, plant, type Tree } from './planted.ts'

const exported = { '.': { types: './dist/index.d.ts', default: './dist/index.js' } }

/** A package that passes, with what the test changes. */
function room(name: string, example: string, { script = 'export const answer = 42\n', rest = {}, types = true } = {}): Tree {
  const folder = `packages/${name}`
  return {
    [`${folder}/package.json`]: {
      name: `@selvedge/${name}`,
      version: '0.1.0',
      license: 'MIT',
      type: 'module',
      files: ['dist'],
      exports: exported,
      ...rest,
    },
    [`${folder}/README.md`]: `# ${name}\n\n\`\`\`js\n${example}\n\`\`\`\n`,
    [`${folder}/dist/index.js`]: script,
    [`${folder}/dist/${types ? 'index.d.ts' : 'other.d.ts'}`]: 'export declare const answer: number\n',
  }
}
const workspace: Tree = { 'package.json': { private: true }, 'pnpm-workspace.yaml': 'packages:\n  - packages/*\n' }
const asks = (name: string): string => `import { answer } from '@selvedge/${name}'\nif (answer !== 42) throw new Error('no')`

test('a package that works from its tarball alone passes, and its declared dependency is there', async () => {
  const root = plant({
    ...workspace,
    LICENSE: 'as you like',
    ...room('interface', asks('interface')),
    ...room('gateway', asks('gateway'), {
      script: "export { answer } from '@selvedge/interface'\n",
      rest: { dependencies: { '@selvedge/interface': '0.1.0' } },
    }),
  })
  expect(linesOf(root, await checkPackages(root, { isBuilt: true }))).toEqual([])
})

test('each fault of a packed package is reported by the check that holds it', async () => {
  const root = plant({
    ...workspace,
    ...room('interface', asks('interface')),
    ...room('gateway', asks('interface')), // not declared, so not there
    ...room('blockstore', asks('blockstore'), { types: false }),
    ...room('fetcher', asks('fetcher'), { rest: { exports: { ...exported, './gone': './dist/gone.js' } } }),
    ...room('client', asks('client'), { script: "export const answer = 42\nexport const late = () => import('node:fs')\n" }),
    ...room('content', asks('content'), { rest: { bin: { weave: './dist/weave.js' } } }),
    'packages/content/dist/weave.js': "#!/usr/bin/env node\nimport './lost.js'\n",
  })
  const found = linesOf(root, await checkPackages(root, { isBuilt: true })).join('\n')
  expect(found).toMatch(/^packages\/client\/package.json: the text of the licence is not in the tarball/m)
  expect(found).toMatch(/^packages\/gateway\/README.md:4: the first example ended with code 1 [^]*ERR_MODULE_NOT_FOUND/m)
  expect(found).toMatch(/^packages\/blockstore\/package.json: are-the-types-wrong:[^]*No types/m)
  expect(found).toMatch(/^packages\/content\/package.json: weave --help ended with code 1\n[^]*lost\.js/m)
  expect(found).toMatch(/^packages\/fetcher\/package.json: publint: .*\.\/gone.*does not exist/m)
  expect(found).toMatch(
    /^packages\/client: export \* from '@selvedge\/client' does not bundle for a browser: [^]*node:fs is a built-in of Node/m,
  )
})

test('the example runs in every Node that the package says it runs on', async () => {
  const young = `${asks('gateway')}\nif (process.versions.node.startsWith('20.')) throw new Error('too old')`
  const root = plant({
    ...workspace,
    LICENSE: 'as you like',
    ...room('gateway', young, { rest: { engines: { node: '>=20' } } }),
    ...room('interface', young.replace('gateway', 'interface'), { rest: { engines: { node: '>=22' } } }),
  })
  const found = linesOf(root, await checkPackages(root, { isBuilt: true })).join('\n')
  expect(found).toMatch(/^packages\/gateway\/README.md:4: the first example ended with code 1 in node-20 /)
  expect(found).not.toMatch(/interface\/README/)
})

test('an import that outgrew its budget is reported with what it weighs, and so is a room without one', async () => {
  const root = plant({ ...workspace, ...room('client', asks('client')) })
  const list = [{ room: 'client', import: "import { answer } from '@selvedge/client'", bytesMax: 10 }]
  const packed = await preparePackages(root, { isBuilt: true })
  const { weights, findings } = await weigh(packed, list)
  expect(weights.map(({ bytes }) => bytes > 10 && bytes < 100)).toEqual([true])
  expect(linesOf(root, findings)).toEqual([`tools/size.ts: ${list[0]?.import} weighs ${weights[0]?.bytes} bytes, more than its 10`])
  expect(linesOf(root, (await weigh(packed, [])).findings)).toEqual(['tools/size.ts: client is browser-safe and has no budget'])
})
