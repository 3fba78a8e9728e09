/**
 * Makes the skeleton of a room, so that a new package costs a minute.
 *
 *   node tools/new-package.ts ROOM [--root DIR]
 *
 * The room must stand in tools/rooms.ts first: what it may import is decided before it has a line of code. Afterwards run `pnpm install`
 * and `pnpm run docs`.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { folderOf, type Room, roomNamed } from './rooms.ts'
import { runCommand } from './run-command.ts'
import { type Finding, runTool, top } from './tool.ts'

const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`

function manifestFor({ name, job }: Room): object {
  return {
    name: `@selvedge/${name}`,
    version: '0.0.0',
    private: true, // until the first example of its README works from its tarball alone
    description: job,
    license: 'MIT OR Apache-2.0',
    type: 'module',
    sideEffects: false,
    engines: { node: '>=20' },
    exports: {
      '.': { '@selvedge/source': './src/index.ts', types: './dist/index.d.ts', default: './dist/index.js' },
      './package.json': './package.json',
    },
    files: ['dist', 'src'],
    scripts: {
      build: 'tsup && tsc -p tsconfig.build.json',
      typecheck: 'tsc --noEmit',
      lint: 'oxlint --type-aware .',
      test: `vitest run --root ../.. --project ${name}`,
    },
  }
}

const pascal = (name: string): string => name.replaceAll(/(^|-)([a-z])/g, (_, _dash, letter: string) => letter.toUpperCase())
const shouting = (name: string): string => name.toUpperCase().replaceAll('-', '_')

function readmeFor({ name, job }: Room): string {
  const code = `${shouting(name)}_MALFORMED`
  return `# @selvedge/${name}

${job}.

## Install

\`\`\`sh
npm install @selvedge/${name}
\`\`\`

\`\`\`js
import { ${pascal(name)}Error } from '@selvedge/${name}'

const error = new ${pascal(name)}Error('${code}', 'three bytes are not a message')
if (error.code !== '${code}') throw error
\`\`\`

## Guarantees

## What it does not do

## Limits

| name | default | what happens at it |
| --- | --- | --- |

## Errors

\`${pascal(name)}Error\`, by \`code\`: \`${code}\`: not the one canonical encoding.

## Dependencies

None.
`
}

function errorsFor({ name }: Room): string {
  return `/** Stable: renaming a code is a breaking change. */
export type ${pascal(name)}ErrorCode = '${shouting(name)}_MALFORMED' // not the one canonical encoding

/** The one error class of this package. Switch on \`code\`; \`message\` is for people and may change. */
export class ${pascal(name)}Error extends Error {
  override readonly name = '${pascal(name)}Error'
  readonly code: ${pascal(name)}ErrorCode
  readonly details: Readonly<Record<string, number | string>>
  constructor(code: ${pascal(name)}ErrorCode, message: string, details: Readonly<Record<string, number | string>> = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.details = details
  }
}
`
}

const build = {
  extends: '../../tsconfig.base.json',
  compilerOptions: { noEmit: false, emitDeclarationOnly: true, outDir: 'dist', rootDir: 'src', customConditions: [] },
  include: ['src'],
}

const tsup = `import type { Options } from 'tsup'

const config: Options = { entry: ['src/index.ts'], format: 'esm', target: 'es2022', dts: false, clean: true, splitting: true }

export default config
`

export async function makePackage(root: string, room: Room): Promise<void> {
  const { name } = room
  const files: Readonly<Record<string, string>> = {
    'package.json': json(manifestFor(room)),
    'tsconfig.json': json({ extends: '../../tsconfig.base.json', include: ['src', 'test', 'examples', 'tsup.config.ts'] }),
    'tsconfig.build.json': json(build),
    'tsup.config.ts': tsup,
    'README.md': readmeFor(room),
    'src/errors.ts': errorsFor(room),
    'src/index.ts': `/** ${room.job}. */\nexport * from './errors.ts'\n`,
    'test/errors.test.ts': `import { ${pascal(name)}Error } from '@selvedge/${name}'\nimport { expect, test } from 'vitest'\n\ntest('an error carries its code', () => {\n  expect(new ${pascal(name)}Error('${shouting(name)}_MALFORMED', 'x')).toMatchObject({ code: '${shouting(name)}_MALFORMED', message: 'x' })\n})\n`,
  }
  for (const [file, text] of Object.entries(files)) {
    const path = join(root, folderOf(room), file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text, { flag: 'wx' })
  }
  const style = ['--config-path', join(top, 'biome.json'), '--vcs-enabled=false', '--write'] // where a line breaks depends on the room's name
  const { code, output } = await runCommand(join(top, 'node_modules/.bin/biome'), ['format', ...style, folderOf(room)], { cwd: root })
  if (code !== 0) throw new Error(output)
}

await runTool(import.meta, async ({ root, args }): Promise<readonly Finding[]> => {
  const [name = ''] = args
  const room = roomNamed(name)
  if (room === undefined) return [{ file: 'tools/rooms.ts', message: `has no room called '${name}': add its floor and its doors first` }]
  if (existsSync(join(root, folderOf(room)))) return [{ file: folderOf(room), message: 'is there already' }]
  await makePackage(root, room)
  process.stdout.write(`made ${folderOf(room)}: now pnpm install && pnpm run docs\n`)
  return []
})
