/** `npm test`: installs everything, then runs every check and every test. */
import { spawnSync } from 'node:child_process'
import { ensureInstalled, top } from './install.mjs'

ensureInstalled('full')
const steps = [
  ['node', 'tools/check.ts'],
  ['vitest', 'run', ...process.argv.slice(2)],
]
for (const [command, ...args] of steps) {
  const { status, signal } = spawnSync(command, args, { cwd: top, stdio: 'inherit' })
  if (status !== 0) {
    process.stderr.write(`${command} ${args.join(' ')} failed (${signal ?? `exit code ${status}`})\n`)
    process.exit(1)
  }
}
