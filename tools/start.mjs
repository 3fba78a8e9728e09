/**
 * `npm start`: installs everything, since a page in Chromium is part of it, then shows the main job on real input (`--once`, `--json` and a
 * directory are passed on).
 */
import { spawnNode } from './run-source.mjs'

// Blocks of 256 KiB by the hundred a second: with more room for young objects the collector copies less, in the children too.
const flags = ['--max-semi-space-size=64', '--min-semi-space-size=16']
// V8 collects everything each time that 64 MiB of buffers have come and gone; here it counts them with the rest. Other versions may not know it.
if (process.versions.node.startsWith('24.')) flags.push('--external-memory-accounted-in-global-limit')
spawnNode('apps/node/src/demo/main.ts', process.argv.slice(2), flags, 'full')
