/** The words of the command line. A command's own code is loaded when it is called: a client does not wait for a store. */
import { Command, CommanderError, Option } from 'commander'
import { join } from 'node:path'
import { addDiscovery } from '../commands/discovery-words.ts'
import { addLedger, quieten } from '../commands/ledger.ts'
import { NodeError } from '../errors.ts'
import { createReport, type Report } from './report.ts'
import {
  argument,
  collect,
  LOG_LEVELS,
  parseListen,
  parseOrigin,
  parseRange,
  parseSize,
  parseStoreMax,
  parseValidators,
  PASSPHRASE_TEXT,
  STORE_MAX_TEXT,
} from './usage.ts'
import { VERSION } from './version.ts'

const DATA_DEFAULT = join('.selvedge', 'node')
const DEVNET_DATA_DEFAULT = '.selvedge'
const JSON_TEXT = 'results as one line of JSON on stdout'
const MAX_TEXT = 'bytes that are taken at most, such as 10GiB, of all files together: what is larger is refused; default: whatever comes'
const DATA_TEXT = 'folder of the store and of the key'

const EXAMPLES = `
The whole road on one machine, without the internet:
  $ selvedge origin ./photos                          serves a folder as an IPFS origin, prints URL and CID
  $ selvedge run --origin http://127.0.0.1:8080       a node that fetches from it, prints its address
  $ selvedge get CID -o photos                        through the node; every block is checked by its CID

Each command explains itself: selvedge get --help`

const GET_EXAMPLES = `
Examples:
  $ selvedge get bafybei... -o film.mp4               a file; run it again after a break and it goes on where it was
  $ selvedge get bafybei... -o folder                 a directory with everything below it
  $ selvedge get bafybei...                           a directory's entries: CID, size, name
  $ selvedge get ipfs://bafybei.../a/b.png -o here/   one file of a directory, as here/b.png; the directories on the way are verified too
  $ selvedge get bafybei... -o folder --max 10GiB     refused where there is more: in a file before its first byte is written
  $ selvedge get bafybei... --range 0-1023 | xxd      the first KiB of a file, verified
  $ selvedge get 1e2b...9f -o film.mp4                the same file by its BLAKE3 root (64 hex digits)

The node is the one of --node (again for each further one), of SELVEDGE_NODE, or the one that runs on --data; or --discovery finds some.`

const RUN_EXAMPLES = `
Examples:
  $ selvedge run                                      serves what its store holds
  $ selvedge run --listen 0.0.0.0:4433 --data /srv/selvedge
  $ selvedge run --origin https://trustless-gateway.link

The address line selvedge://HOST:PORT/KEY is what clients need. The key is made at the first run (DATA/node.key, mode 0600); with a
passphrase, in a file or in SELVEDGE_PASSPHRASE, it is encrypted on disk from then on.
SIGINT or SIGTERM stops it: lanes end, the store is closed. Logs go to stderr as JSON lines.`

const DEVNET_EXAMPLES = `
The story, on real processes under load: a transfer through one is seen on all, one validator is killed with -9 and comes back, another node
joins from a checkpoint and takes a seat, a claim is settled and a false one voided. Then state roots are compared height by height,
certificates verified by a light client, and the logs searched for anything signed twice.

The story of consensus is of order alone, on a small executor: a kill, a cut between two halves, a new member, Mysticeti-C after Bullshark.

Examples:
  $ selvedge devnet                                   the story, then the network goes on until Ctrl-C
  $ selvedge devnet --once --json                     the story; one line of JSON; exit code 1 if anything did not hold
  $ selvedge devnet --story consensus --validators 7 --once`

/** Runs the command line; resolves with the exit code: 0, 1 where the work failed, 2 for wrong use. */
export async function runCli(args: readonly string[]): Promise<number> {
  const isJson = args.includes('--json')
  try {
    const report = createReport(isJson)
    await createProgram(report).parseAsync(args.length === 0 ? ['--help'] : args, { from: 'user' })
    return report.isOk ? 0 : 1
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    return fail(error, isJson)
  }
}

/** One clear line, and no stack: where the code went through is no help to whoever typed the command. */
function fail(error: unknown, isJson: boolean): number {
  const { code = 'ERROR', message } = error as { code?: string; message?: string }
  const isUsage = error instanceof CommanderError || code === 'NODE_USAGE' || code === 'CLIENT_BAD_ARGUMENT'
  const text = (message ?? String(error)).replace(/^error: /, '').replaceAll('\n', ' ')
  const shown = error instanceof CommanderError ? 'NODE_USAGE' : code
  if (isJson) process.stdout.write(`${JSON.stringify({ ok: false, error: { code: shown, message: text } })}\n`)
  process.stderr.write(`selvedge: ${text}${error instanceof NodeError || error instanceof CommanderError ? '' : ` (${code})`}\n`)
  return isUsage ? 2 : 1
}

function createProgram(report: Report): Command {
  const program = new Command('selvedge')
  // Its own words for wrong use go through `fail`, so that there is one line and one form of it.
  program.exitOverride().configureOutput({ writeErr: () => {} })
  program.description('A Selvedge node and its client: content by CID or BLAKE3 root, every byte verified.').addHelpText('after', EXAMPLES)
  program.version(VERSION, '-V, --version', 'the version of this software')
  addRun(program, report)
  addGet(program, report)
  addAdd(program, report)
  addStatus(program, report)
  addOrigin(program, report)
  addDevnet(program, report)
  addLedger(program, report)
  addDiscovery(program, report)
  for (const group of program.commands.filter(({ commands }) => commands.length > 0)) quieten(group)
  for (const command of program.commands.filter(({ commands }) => commands.length === 0))
    command
      .exitOverride()
      .configureOutput({ writeErr: () => {} })
      .option('--json', JSON_TEXT)
  return program
}

function addRun(program: Command, report: Report): void {
  program
    .command('run')
    .description('Run a node until it is stopped.')
    .option('--data <dir>', DATA_TEXT, DATA_DEFAULT)
    .option('--passphrase-file <file>', PASSPHRASE_TEXT)
    .addOption(listenOption('where sessions are accepted', 4433))
    .option('--origin <url>', 'a trustless IPFS gateway to fetch from; again for each further one', collect(parseOrigin), [])
    .option('--store-max <size>', STORE_MAX_TEXT, argument(parseStoreMax))
    .addOption(new Option('--log-level <level>', 'how much is said on stderr').choices(LOG_LEVELS).default('info'))
    .addHelpText('after', RUN_EXAMPLES)
    .action(async (options) => (await import('../commands/run.ts')).run(report, options))
}

function addGet(program: Command, report: Report): void {
  program
    .command('get')
    .description('Fetch content from a node and verify it.')
    .argument(
      '<address>',
      'a CID, a path below one (ipfs://CID/path, /ipfs/CID/path, a URL of a gateway), or a BLAKE3 root of 64 hex digits',
    )
    .option(
      '-o, --output <path>',
      'file or folder to write; a file of a path, into a folder, has the last name of the path; default: stdout',
    )
    .option('--range <first-last>', 'only these bytes, both ends included, such as 0-1023 or 4096-', argument(parseRange))
    .option('--max <size>', MAX_TEXT, argument(parseSize))
    .option('--node <address>', 'selvedge://HOST:PORT/KEY; again for each further one', collect(String), [])
    .option('--discovery <url|file>', "a network's signed list of nodes: the near and good ones of it are asked")
    .option('--discovery-key <hex>', 'the key that has signed the list, 64 hex digits')
    .option(
      '--data <dir>',
      'folder of the node to ask where none is named; the newest list that was seen, and who lied, are remembered there',
      DATA_DEFAULT,
    )
    .addHelpText('after', GET_EXAMPLES)
    .action(async (address, options) => (await import('../commands/get.ts')).get(report, address, options))
}

function addAdd(program: Command, report: Report): void {
  program
    .command('add')
    .description('Put a file into the store of a node, running or not, and print its CID and root.')
    .argument('<file>')
    .option('--data <dir>', DATA_TEXT, DATA_DEFAULT)
    .addHelpText('after', '\nExample:\n  $ selvedge add film.mp4')
    .action(async (file, options) => (await import('../commands/add.ts')).add(report, file, options))
}

function addStatus(program: Command, report: Report): void {
  program
    .command('status')
    .description('What a running node has counted: requests, bytes, time of its service, its store and what is kept in it.')
    .option('--data <dir>', DATA_TEXT, DATA_DEFAULT)
    .addHelpText('after', '\nExample:\n  $ selvedge status --json')
    .action(async (options) => (await import('../commands/status.ts')).status(report, options))
}

function addOrigin(program: Command, report: Report): void {
  program
    .command('origin')
    .description('Serve a folder as an IPFS origin (a trustless gateway). Links are not followed.')
    .argument('<dir>')
    .addOption(listenOption('where HTTP is answered', 8080))
    .addHelpText('after', '\nExample:\n  $ selvedge origin ./photos --listen 127.0.0.1:8080')
    .action(async (folder, options) => (await import('../commands/origin.ts')).origin(report, folder, options))
}

function addDevnet(program: Command, report: Report): void {
  program
    .command('devnet')
    .description('Run validators on this machine, each in a process of its own, and the story of what they survive.')
    .addOption(new Option('--validators <count>', 'seats of the committee, 4 to 10').argParser(argument(parseValidators)).default(4))
    .addOption(new Option('--story <name>', 'what happens to them').choices(['consensus', 'ledger']).default('ledger'))
    .option('--once', 'end with the story; exit code 1 if anything did not hold')
    .option('--data <dir>', 'where their data lies until the end', DEVNET_DATA_DEFAULT)
    .addHelpText('after', DEVNET_EXAMPLES)
    .action(async (options) => (await import('../commands/devnet.ts')).devnet(report, options))
  program
    .command('devnet-validator', { hidden: true })
    .description('One process of `selvedge devnet --story consensus`.')
    .action(async () => (await import('../commands/devnet-validator.ts')).devnetValidator())
  program
    .command('devnet-ledger-node', { hidden: true })
    .description('One process of `selvedge devnet`.')
    .action(async () => (await import('../commands/devnet-ledger-node.ts')).devnetLedgerNode())
}

function listenOption(text: string, port: number): Option {
  const host = '127.0.0.1'
  return new Option('--listen <host:port>', text).argParser(argument(parseListen)).default({ host, port }, `${host}:${port}`)
}
