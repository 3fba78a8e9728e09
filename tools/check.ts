/**
 * Everything that must hold besides the tests: format, lint, types, rooms, style, generated pages, unused code, packages, examples.
 *
 *   node tools/check.ts [STEP ...] [--root DIR]
 *
 * Steps: format lint types rooms tidy docs unused packages examples. Nothing is taken from a cache; two run at a time.
 */
import { join } from 'node:path'
import { checkDocs } from './docs.ts'
import { checkPackages } from './check-packages.ts'
import { checkReadmes } from './readme.ts'
import { checkRooms } from './check-rooms.ts'
import { existing, folderOf } from './rooms.ts'
import { inParallel, runCommand } from './run-command.ts'
import { tidy } from './tidy.ts'
import { type Finding, formatFinding, runTool, top } from './tool.ts'

type Step = (root: string) => Promise<readonly Finding[]>

const binary = (name: string): string => join(top, 'node_modules/.bin', name)

/** A command that reports for itself: its output is the finding. */
async function command(root: string, name: string, args: readonly string[]): Promise<Finding[]> {
  const env = { XDG_CACHE_HOME: join(top, '.tmp/cache') } // some make a folder for themselves there, and nothing goes outside the clone
  const { code, output } = await runCommand(binary(name), args, { cwd: root, env })
  return code === 0 ? [] : [{ file: '.', message: `${name} ${args.join(' ')}\n${output.trim()}` }]
}

/** Type-aware rules vanish without a word when their engine is missing, so a floating promise is planted first (test/lint.test.ts). */
export const lintArguments: readonly string[] = ['--type-aware', '--deny-warnings', '--format=unix', '--report-unused-disable-directives']

const steps: Readonly<Record<string, Step>> = {
  packages: checkPackages,
  types: async (root) => {
    const projects = ['tools', 'tools/environments', ...existing(root).map(folderOf)]
    return (await inParallel(projects, (project) => command(root, 'tsc', ['-p', project, '--noEmit', '--pretty', 'false']), 1)).flat()
  },
  examples: async (root) => (await checkReadmes(root)).findings,
  lint: (root) => command(root, 'oxlint', [...lintArguments, '.']),
  unused: (root) => command(root, 'knip', ['--no-config-hints']),
  format: (root) => command(root, 'biome', ['format', '--colors=off', '--reporter=summary', '.']),
  tidy: async (root) => tidy(root),
  rooms: async (root) => checkRooms(root),
  docs: async (root) => checkDocs(root),
}

async function runStep(root: string, name: string): Promise<readonly Finding[]> {
  const started = performance.now()
  const findings = await (steps[name] as Step)(root).catch((error: unknown): Finding[] => [{ file: '.', message: String(error) }])
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  process.stdout.write(`${findings.length === 0 ? 'ok    ' : 'FAILED'} ${name.padEnd(9)} ${seconds} s\n`)
  for (const finding of findings) process.stdout.write(`  ${formatFinding(root, finding)}\n`)
  return findings
}

await runTool(import.meta, async ({ root, args }) => {
  const unknown = args.filter((name) => !(name in steps))
  if (unknown.length > 0) return [{ file: '.', message: `no step is called ${unknown.join(', ')}: ${Object.keys(steps).join(' ')}` }]
  const names = Object.keys(steps).filter((name) => args.length === 0 || args.includes(name))
  const findings = (await inParallel(names, (name) => runStep(root, name), 2)).flat()
  if (findings.length > 0) process.exitCode = 1
  return []
})
