import { expect, test } from 'vitest'
import { tidy } from '../tidy.ts'
import { linesOf, manifest, plant, type Tree } from './planted.ts'

const sections = ['Install', 'Guarantees', 'What it does not do', 'Limits', 'Errors', 'Dependencies']
const readme = (extra: Readonly<Record<string, string>> = {}): string => {
  return `# crypto\n\n\`\`\`js\n\`\`\`\n\n${sections.map((title) => `## ${title}\n\n${extra[title] ?? ''}\n`).join('\n')}`
}
const clean: Tree = {
  'packages/crypto/package.json': manifest('crypto'),
  'packages/crypto/README.md': readme({ Errors: '`CRYPTO_BAD`', Limits: '| `keysMax` | 7 |' }),
  'packages/crypto/src/errors.ts': "export type CryptoErrorCode =\n  | 'CRYPTO_BAD' // why\n",
  'packages/crypto/src/options.ts': 'export interface Options {\n  /** Keys. @default 7 */\n  readonly keysMax?: number\n}\n',
  'packages/crypto/src/index.ts': "export * from './errors.ts'\n",
}
/** Long enough to trip a rule, and nothing else wrong with it. */
const lines = (count: number, line: string): string => `${line}\n`.repeat(count)

function findingsIn(tree: Tree): string[] {
  const root = plant({ ...clean, ...tree })
  return linesOf(root, tidy(root))
}

test('a clean tree has no findings', () => {
  expect(findingsIn({})).toEqual([])
})

const src = 'packages/crypto/src'
test.each<[string, Tree, string]>([
  ['a long file', { [`${src}/a.ts`]: lines(401, '// x') }, `${src}/a.ts:1: has 401 lines, more than 400`],
  [
    'a long function',
    { [`${src}/a.ts`]: `\nconst f = () => {\n${lines(69, '  // x')}}\n` },
    `${src}/a.ts:2: a function of 71 lines, more than 70`,
  ],
  ['unfinished business', { [`${src}/a.ts`]: '\n// TODO later\n' }, `${src}/a.ts:2: a comment says TODO: an issue number or nothing`],
  [
    'Buffer in public',
    { [`${src}/a.ts`]: 'export function f(a: Buffer): void {}\n' },
    `${src}/a.ts:1: Buffer in a public type: use Uint8Array`,
  ],
  [
    'AbortSignal.any',
    { [`${src}/a.ts`]: 'AbortSignal.any([])\n' },
    `${src}/a.ts:1: AbortSignal.any leaks with a long-lived signal: add a listener, remove it in finally`,
  ],
  ['a clock', { [`${src}/a.ts`]: 'Date.now()\n' }, `${src}/a.ts:1: Date.now in deterministic code: time and chance come in as data`],
  ['a date', { [`${src}/a.ts`]: 'new Date()\n' }, `${src}/a.ts:1: new Date() in deterministic code: time comes in as data`],
  ['chance', { [`${src}/a.ts`]: 'Math.random()\n' }, `${src}/a.ts:1: Math.random in deterministic code: time and chance come in as data`],
  [
    'random bytes',
    {
      'packages/state-tree/package.json': manifest('state-tree'),
      'packages/state-tree/src/a.ts': 'crypto.getRandomValues(new Uint8Array(8))\n',
    },
    `packages/state-tree/src/a.ts:1: crypto.getRandomValues in deterministic code: time and chance come in as data`,
  ],
  [
    'a random id in a core, by way of the global object',
    { 'packages/consensus/package.json': manifest('consensus'), 'packages/consensus/src/core/a.ts': 'globalThis.crypto.randomUUID()\n' },
    `packages/consensus/src/core/a.ts:1: crypto.randomUUID in deterministic code: time and chance come in as data`,
  ],
  ['a timer', { [`${src}/a.ts`]: 'setTimeout(() => {}, 1)\n' }, `${src}/a.ts:1: setTimeout in deterministic code: timers are in drivers`],
  [
    'a global of Node',
    { [`${src}/a.ts`]: 'process.env\n' },
    `${src}/a.ts:1: process in browser-safe code: it belongs into a file named *.node.ts`,
  ],
  [
    'spread defaults',
    { [`${src}/a.ts`]: 'f({ ...DEFAULTS, ...options })\n' },
    `${src}/a.ts:1: spreads options over defaults: an explicit undefined would switch a limit off`,
  ],
  ['export * anywhere', { [`${src}/a.ts`]: "export * from './errors.ts'\n" }, `${src}/a.ts:1: export * outside index.ts`],
  [
    'a skipped test',
    { 'packages/crypto/test/a.test.ts': "test.skip('x')\n" },
    'packages/crypto/test/a.test.ts:1: test.skip: every test runs',
  ],
  ['a mock', { 'packages/crypto/test/a.test.ts': "vi.mock('x')\n" }, 'packages/crypto/test/a.test.ts:1: vi.mock: hand in a real part'],
  ['a vague name', { [`${src}/utils.ts`]: '' }, `${src}/utils.ts: is called utils: name it for what it holds`],
  ['a name in camel case', { [`${src}/someThing.ts`]: '' }, `${src}/someThing.ts: is not in kebab-case`],
  ['a folder of one', { [`${src}/deep/a.ts`]: '' }, `${src}/deep: is a folder of 1 file: three make a folder`],
  ['a large blob', { 'a.bin': new Uint8Array(262_145) }, 'a.bin: is 262145 bytes, more than 262144'],
  ['a registry host', { '.npmrc': `registry=https://example.org\n` }, '.npmrc:1: names a registry host'],
  [
    'a bound lockfile',
    { 'packages/crypto/bench/pnpm-lock.yaml': 'resolution: {tarball: https://example.org/a.tgz}\n' },
    'packages/crypto/bench/pnpm-lock.yaml: names a host in a resolution',
  ],
  ['a path of a machine', { 'a.md': `in /home/${'somebody'}/x\n` }, 'a.md:1: names a path of one machine'],
  ['a dead link', { 'a.md': '\n[x](b.md)\n' }, 'a.md:2: links to b.md, which does not exist'],
  ['a dead anchor', { 'a.md': '[x](#there)\n# Here\n' }, 'a.md:1: links to #there, which has no such heading'],
  ['a dead citation', { [`${src}/a.ts`]: '// see docs/gone.md\n' }, `${src}/a.ts:1: cites docs/gone.md, which does not exist`],
  [
    'an unexplained code',
    { [`${src}/errors.ts`]: "export type AErrorCode = 'CRYPTO_BAD' | 'CRYPTO_NEW'\n" },
    'packages/crypto/README.md: does not explain the code CRYPTO_NEW',
  ],
  [
    'a dependency without a reason',
    { 'packages/crypto/package.json': manifest('crypto', { dependencies: { 'left-pad': '1.0.0' } }) },
    'packages/crypto/README.md: does not say why it depends on left-pad',
  ],
  [
    'an unnamed limit',
    { [`${src}/limits.ts`]: '/** Why. */\nexport const KEY_BYTES_MAX = 7\n' },
    'packages/crypto/README.md: does not name the limit KEY_BYTES_MAX',
  ],
  [
    'an unnamed option',
    { [`${src}/o.ts`]: 'export interface O {\n  /** Why. @default 7 */\n  readonly aMax?: number\n}\n' },
    'packages/crypto/README.md: does not name the limit aMax',
  ],
  ['no README', { 'packages/content/package.json': manifest('content') }, 'packages/content/README.md: is missing'],
  [
    'a README without limits',
    { 'packages/crypto/README.md': readme({ Errors: '`CRYPTO_BAD`' }).replace('## Limits', '') },
    'packages/crypto/README.md: has no section ## Limits',
  ],
  [
    'figures that were not measured',
    { 'packages/crypto/bench/RESULTS.md': '<!-- bench -->\n1\n<!-- /bench -->\n' },
    'packages/crypto/README.md: shows other figures than bench/RESULTS.md: run pnpm bench',
  ],
])('%s is reported', (_, tree, finding) => {
  expect(findingsIn(tree)).toContain(finding)
})

test('what a rule excepts is not reported', () => {
  const found = findingsIn({
    [`${src}/table.ts`]: `// Generated by generate.ts\n${lines(500, '// x')}`,
    [`${src}/clock.node.ts`]: 'Date.now()\nprocess.env\n',
    [`${src}/keys.ts`]: 'crypto.getRandomValues(new Uint8Array(8))\n', // keys are made there
    'packages/crypto/test/a.test.ts': `describe('x', () => {\n${lines(80, '  // x')}})\n`,
    [`${src}/inner.ts`]: 'export function f(): void {\n  const a: Buffer = b\n}\n',
  })
  expect(found).toEqual([])
})

test('async is kept out of a core, and a core that no file matches is reported', () => {
  const found = findingsIn({
    'packages/verified-streaming/package.json': manifest('verified-streaming'),
    'packages/verified-streaming/src/kernel/a.ts': 'export const f = async () => {}\n',
  })
  expect(found).toContain('packages/verified-streaming/src/kernel/a.ts:1: async in a core without I/O: effects go out, a driver does them')
  expect(found.some((line) => line.includes('no file matches its core'))).toBe(true)
})
