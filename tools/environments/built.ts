/** Tests of built files build them first, where a source is newer than what was built from it. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'

function newestOf(path: string): number {
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.mtimeMs
  return Math.max(0, ...readdirSync(path).map((name) => newestOf(join(path, name))))
}

function isFresh(folder: string): boolean {
  const output = join(folder, 'dist/index.d.ts') // written last
  if (!existsSync(output)) return false
  const sources = ['src', 'package.json', 'tsup.config.ts'].map((name) => newestOf(join(folder, name)))
  return Math.max(...sources) <= statSync(output).mtimeMs
}

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Resolves when the file is gone or its writer is: a run that was killed leaves its lock behind. */
async function waitFor(lock: string): Promise<void> {
  const pid = existsSync(lock) ? Number(readFileSync(lock, 'utf8')) : 0
  if (!isRunning(pid)) return rmSync(lock, { force: true })
  await new Promise<void>((resolve) => {
    const watcher = watch(join(lock, '..'), () => {
      if (existsSync(lock)) return
      watcher.close()
      resolve()
    })
    if (!existsSync(lock)) {
      watcher.close()
      resolve()
    }
  })
}

/** Makes sure that `dist` of a package is built from its sources as they are. Several test files may ask at once: one builds. */
export async function ensureBuilt(folder: string): Promise<void> {
  const lock = join(folder, '.tmp/build.lock')
  mkdirSync(join(folder, '.tmp'), { recursive: true })
  while (!isFresh(folder)) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' })
    } catch {
      await waitFor(lock)
      continue
    }
    try {
      const { status, stdout } = spawnSync('pnpm', ['run', 'build'], { cwd: folder, encoding: 'utf8' })
      if (status !== 0) throw new Error(`pnpm run build in ${folder} failed:\n${stdout}`)
    } finally {
      rmSync(lock, { force: true })
    }
  }
}
