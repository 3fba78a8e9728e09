/** Runs a TypeScript entry point of `apps/node` from source in the caller's folder, with nothing between it and the terminal. */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { join } from 'node:path'
import { ensureInstalled, top } from './install.mjs'

/**
 * @param {readonly string[]} flags - of Node, beside what every source needs.
 * @param {'run' | 'full'} scope - what has to be installed.
 */
export function spawnNode(entry, args, flags = [], scope = 'run') {
  ensureInstalled(scope)
  const child = spawn(process.execPath, ['--conditions=@selvedge/source', ...flags, join(top, entry), ...args], {
    cwd: process.env.INIT_CWD ?? process.cwd(),
    stdio: 'inherit',
    env: { NODE_COMPILE_CACHE: join(top, 'node_modules/.cache/compile'), ...process.env }, // types are stripped once, not at each start
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0)
  })
}
