import { expect, test } from 'vitest'
import { parseMarkdown, sectionOf } from '../markdown.ts'
import { checkReadmes, firstExampleOf } from '../readme.ts'
import { linesOf, manifest, plant } from './planted.ts'

const room = (readme: string, rest: object = {}): string => {
  return plant({
    'packages/crypto/package.json': manifest('crypto', { type: 'module' }),
    'packages/crypto/src/index.ts': 'export const answer: number = 42\n',
    'packages/crypto/README.md': readme,
    ...rest,
  })
}
const fenced = (info: string, code: string): string => `\`\`\`${info}\n${code}\n\`\`\`\n`

test('an example that imports its package by name runs from source', async () => {
  const root = room(
    fenced('ts', "import { answer } from '@selvedge/crypto'\nconst wanted: number = 42\nif (answer !== wanted) throw new Error('no')"),
  )
  expect(await checkReadmes(root)).toEqual({ findings: [], count: 1 })
})

test('an example that throws is reported with its line and what it printed', async () => {
  const root = room(`# a\n\n${fenced('js', "throw new Error('planted fault')")}`)
  const { findings } = await checkReadmes(root)
  expect(linesOf(root, findings)[0]).toMatch(/^packages\/crypto\/README\.md:4: this example ended with code 1\n[^]*planted fault/)
})

test('the examples folder runs too', async () => {
  const { findings, count } = await checkReadmes(room('', { 'packages/crypto/examples/a.ts': "throw new Error('planted fault')\n" }))
  expect({ count, files: findings.map(({ file }) => file) }).toEqual({ count: 1, files: ['packages/crypto/examples/a.ts'] })
})

test('an example that another test runs names a file that exists', async () => {
  const root = room(fenced('ts tested-by=test/video.test.ts', 'document.title') + fenced('ts', ''), {
    'packages/crypto/test/video.test.ts': '',
  })
  expect(await checkReadmes(root)).toEqual({ findings: [], count: 1 })
  const broken = room(fenced('ts tested-by=test/gone.test.ts', 'document.title'))
  expect(linesOf(broken, (await checkReadmes(broken)).findings)).toEqual([
    'packages/crypto/README.md:1: names packages/crypto/test/gone.test.ts as its test, which does not exist',
  ])
})

test('the first example is the first block that runs by itself', () => {
  const readme = fenced('sh', 'npm i') + fenced('ts tested-by=a.test.ts', 'one()') + fenced('js', 'two()') + fenced('js', 'three()')
  expect(firstExampleOf(readme)?.code).toBe('two()\n')
})

test('a heading or a link inside a fence is code', () => {
  const page = parseMarkdown(`# One\n${fenced('sh', '# not a heading [x](y.md)')}[b](c.md)\n## Two\ntext\n`)
  expect(page.headings.map(({ title }) => title)).toEqual(['One', 'Two'])
  expect(page.links).toEqual([{ target: 'c.md', line: 5 }])
  expect(sectionOf('# A\n## B\nfirst\n### C\nsecond\n## D\nthird', /^B/)).toBe('first\n### C\nsecond')
})
