/**
 * Runs the examples: every `ts` and `js` block of every README and every file of `examples/`, once, against the sources.
 *
 *   node tools/readme.ts [ROOM ...] [--root DIR]
 *
 * A block runs as a module of its package (so that it may import the package by name) with an empty folder as working directory; it must
 * exit with code 0. A block that only a browser or another runtime can run names the test that does: ```` ```ts tested-by=test/video.test.ts ````.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Block, parseMarkdown } from './markdown.ts'
import { existing, folderOf, type Room } from './rooms.ts'
import { inParallel, runCommand } from './run-command.ts'
import { type Finding, runTool } from './tool.ts'

const languages = ['ts', 'typescript', 'js', 'javascript', 'mjs']

export const examplesIn = (readme: string): readonly Block[] =>
  parseMarkdown(readme).blocks.filter(({ language }) => languages.includes(language))

/** The example that a newcomer copies first, which must work from the package's tarball alone. */
export const firstExampleOf = (readme: string): Block | undefined =>
  examplesIn(readme).find(({ attributes }) => !('tested-by' in attributes))

interface Example {
  readonly file: string
  readonly line: number
  /** Where it lies while it runs. */
  readonly path: string
  readonly workFolder: string
}

function checkTestedBy(root: string, room: Room, { attributes, line }: Block): Finding[] {
  const test = `${folderOf(room)}/${attributes['tested-by']}`
  return existsSync(join(root, test))
    ? []
    : [{ file: `${folderOf(room)}/README.md`, line, message: `names ${test} as its test, which does not exist` }]
}

function prepare(root: string, room: Room): { examples: Example[]; findings: Finding[] } {
  const folder = folderOf(room)
  const readme = join(root, folder, 'README.md')
  const blocks = existsSync(readme) ? examplesIn(readFileSync(readme, 'utf8')) : []
  const temporary = join(root, folder, '.tmp/readme')
  rmSync(temporary, { recursive: true, force: true })
  const place = (name: string, code: string | undefined, file: string, line: number): Example => {
    const workFolder = join(temporary, `${name}.work`)
    mkdirSync(workFolder, { recursive: true })
    const path = code === undefined ? join(root, file) : join(temporary, `${name}.ts`)
    if (code !== undefined) writeFileSync(path, code)
    return { file, line, path, workFolder }
  }
  const runnable = blocks.filter(({ attributes }) => !('tested-by' in attributes))
  const examples = runnable.map(({ code, line }) => place(`line-${line}`, code, `${folder}/README.md`, line + 1))
  const folderOfExamples = join(root, folder, 'examples')
  const files = existsSync(folderOfExamples) ? readdirSync(folderOfExamples).filter((name) => /\.(ts|mjs)$/.test(name)) : []
  examples.push(...files.map((name) => place(name, undefined, `${folder}/examples/${name}`, 1)))
  const findings = blocks.filter(({ attributes }) => 'tested-by' in attributes).flatMap((block) => checkTestedBy(root, room, block))
  return { examples, findings }
}

async function runExample({ file, line, path, workFolder }: Example): Promise<Finding[]> {
  const { code, output } = await runCommand(process.execPath, ['--conditions=@selvedge/source', path], {
    cwd: workFolder,
    timeoutMs: 60_000,
  })
  return code === 0 ? [] : [{ file, line, message: `this example ended with code ${code}\n${output.trim().replaceAll(/^/gm, '    ')}` }]
}

export async function checkReadmes(root: string, names: readonly string[] = []): Promise<{ findings: Finding[]; count: number }> {
  const rooms = existing(root).filter(({ name }) => names.length === 0 || names.includes(name))
  const prepared = rooms.map((room) => prepare(root, room))
  const examples = prepared.flatMap((each) => each.examples)
  const ran = await inParallel(examples, runExample)
  for (const room of rooms) rmSync(join(root, folderOf(room), '.tmp/readme'), { recursive: true, force: true })
  return { findings: [...prepared.flatMap((each) => each.findings), ...ran.flat()], count: examples.length }
}

await runTool(import.meta, async ({ root, args }) => {
  const { findings, count } = await checkReadmes(root, args)
  process.stdout.write(`${count} examples ran\n`)
  return findings
})
