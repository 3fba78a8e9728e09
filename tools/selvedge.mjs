/** `npm run -s selvedge -- ARGS`: the command line of the node, from source, set-up included. */
import { spawnNode } from './run-source.mjs'

spawnNode('apps/node/src/main.ts', process.argv.slice(2))
