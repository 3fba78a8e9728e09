/**
 * Installs the workspace's dependencies once per lockfile: `run` brings what `apps/node` needs to run from source, `full` everything.
 * A stamp in node_modules says what is there, so that a warm start costs nothing; a full installation serves running too.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const top = dirname(dirname(fileURLToPath(import.meta.url)))
const stampFile = join(top, 'node_modules/.selvedge-installed')
const filters = { run: ['--prod', '--filter', '@selvedge/node...'], full: [] }

function fingerprint() {
  const hash = createHash('sha256').update(process.version.split('.')[0] ?? '')
  const manifests = ['packages', 'apps'].flatMap((folder) => readdirSync(join(top, folder)).map((name) => `${folder}/${name}/package.json`))
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json', ...manifests]) {
    if (existsSync(join(top, file)))
      hash
        .update(file)
        .update('\0')
        .update(readFileSync(join(top, file)))
  }
  return hash.digest('hex')
}

/** @param {'run' | 'full'} scope */
export function ensureInstalled(scope) {
  const wanted = fingerprint()
  const [installed, mark] = existsSync(stampFile) ? readFileSync(stampFile, 'utf8').trim().split(' ') : []
  if (mark === wanted && (installed === scope || installed === 'full')) return
  // What is there is never narrowed: `npm start` in a clone that somebody works in would take the tools away.
  const isFull =
    scope === 'full' || installed === 'full' || (installed === undefined && existsSync(join(top, 'node_modules/.modules.yaml')))
  const args = ['install', '--frozen-lockfile', '--reporter=append-only', '--loglevel=error', ...filters[isFull ? 'full' : 'run']]
  const { status, error } = spawnSync('pnpm', args, { cwd: top, stdio: ['ignore', 2, 2] })
  if (status !== 0) {
    process.stderr.write(`pnpm ${args.join(' ')} failed${error ? `: ${error.message}` : ` with exit code ${status}`}\n`)
    process.exit(1)
  }
  mkdirSync(dirname(stampFile), { recursive: true })
  writeFileSync(stampFile, `${isFull ? 'full' : 'run'} ${wanted}\n`)
}
