#!/usr/bin/env node
/** The command line of a node. */
import { runCli } from './cli/program.ts'

process.exitCode = await runCli(process.argv.slice(2))
