/** `npm start`: installs what running needs, then shows the main job on real input (`--once`, `--json` and a directory are passed on). */
import { spawnNode } from './run-source.mjs'

spawnNode('apps/node/src/demo/main.ts', process.argv.slice(2))
