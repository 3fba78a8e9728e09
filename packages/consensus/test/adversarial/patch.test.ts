import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { mutants } from './mutants/all.ts'
import { applyPatch } from './patch.ts'
import { tokensOf } from './tokens.ts'

const sources = new URL('../../src/', import.meta.url)
const textsOf = (source: string): string[] => tokensOf(source).map(({ text }) => text)

test('white space, comments, semicolons and the kind of quotes do not count', () => {
  const bare = textsOf("const a = 'x'\nreturn a?.b ?? a >= 2")
  expect(textsOf('const a="x"; /* why */ return a?.b ?? // so\n a>=2;')).toEqual(bare)
  expect(bare).toEqual(['const', 'a', '=', "'x'", 'return', 'a', '?.', 'b', '??', 'a', '>=', '2'])
})

test('operators, numbers, private names and templates are one token each', () => {
  expect(textsOf('this.#a ??= 1_000n ** 2e3')).toEqual(['this', '.', '#a', '??=', '1_000n', '**', '2e3'])
  expect(textsOf('x => `a ${b + `c ${d}`} e`')).toEqual(['x', '=>', '`a ${b + `c ${d}`} e`'])
  expect(textsOf(String.raw`'it\'s' + "a"`)).toEqual([String.raw`'it\'s'`, '+', "'a'"])
})

test('a patch keeps everything around it', () => {
  const source = 'if (a\n  >= b) {\n  // why\n  c()\n}\n'
  expect(applyPatch(source, { id: 'x', find: 'a >= b', put: 'a > b' })).toBe('if (a > b) {\n  // why\n  c()\n}\n')
})

test('the tokens of every source, with what stands between them, are the source', () => {
  for (const folder of ['dag', 'wire']) {
    for (const file of readdirSync(new URL(folder, sources))) {
      const source = readFileSync(new URL(`${folder}/${file}`, sources), 'utf8')
      let rest = ''
      let at = 0
      for (const { start, end } of tokensOf(source)) {
        rest += source.slice(at, start)
        at = end
      }
      const between = (rest + source.slice(at)).replaceAll(/\/\*[^]*?\*\/|\/\/[^\n]*/g, '')
      expect([file, between.replaceAll(/[\s;]/g, '')]).toEqual([file, ''])
    }
  }
})

test.each(mutants)('$id applies to what is shipped', (mutant) => {
  const source = readFileSync(new URL(mutant.file, sources), 'utf8')
  expect(applyPatch(source, mutant)).not.toBe(source)
})
