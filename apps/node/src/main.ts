#!/usr/bin/env node
/** The command line of a node. */
import { endWithReader } from './cli/closed-pipe.ts'
import { runCli } from './cli/program.ts'

endWithReader()
process.exitCode = await runCli(process.argv.slice(2))
