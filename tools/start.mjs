/** `npm start`: installs what running needs, then shows the main job on real input (`--once`, `--json` and a directory are passed on). */
import { spawnNode } from './run-source.mjs'

// Blocks of 256 KiB by the hundred a second: with more room for young objects the collector copies less, in the children too.
spawnNode('apps/node/src/demo/main.ts', process.argv.slice(2), ['--max-semi-space-size=64'])
