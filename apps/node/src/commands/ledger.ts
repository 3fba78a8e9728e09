/** The words of `selvedge ledger`; what each does is loaded when it is called. */
import { type Command, Option } from 'commander'
import { join } from 'node:path'
import type { Report } from '../cli/report.ts'
import { argument, collect, LOG_LEVELS, parseListen, parseOrigin, parseStoreMax, PASSPHRASE_TEXT, STORE_MAX_TEXT } from '../cli/usage.ts'
import { addOwnerWords } from './ledger-owner-words.ts'

const JSON_TEXT = 'results as one line of JSON on stdout'
const GENESIS_TEXT = 'the genesis file'
const HASH_TEXT = 'SHA-256 of the genesis file, 64 hex digits: another file is refused'

const REPLAY_EXAMPLES = `
Every block from genesis is executed into a fresh store. Compared, block by block: the certificate (by the committee that execution
arrives at), the archived bytes, and state root, txRoot, receiptsRoot, block digest, committees and snapshot root.

Examples:
  $ selvedge ledger replay --genesis genesis.json /srv/selvedge/ledger      an archive node's folder; the node is stopped
  $ selvedge ledger replay --genesis genesis.json epoch-0 epoch-1 epoch-2   epoch files, in any order, all from epoch 0 on
Exit code 1 at the first difference, with its height and what differs.`

const GENESIS_EXAMPLES = `
Together, for a network of four operators:
  $ selvedge ledger genesis init draft.json --network main --chain-id 7 --governor 0xA... --account 0xB...=5000
  $ selvedge ledger genesis sign draft.json --data /srv/selvedge --owner 0xB... --stake 2000 --address 192.0.2.1:4434 -o me.json
  $ selvedge ledger genesis add draft.json alice.json bob.json carol.json dave.json
  $ selvedge ledger genesis finish draft.json -o genesis.json               prints the hash that every configuration pins
  $ selvedge ledger genesis check genesis.json --hash HASH
Only "sign" sees a secret, and only the operator's own: the keys are in its data folder, made at first use with mode 0600.`

const RESTART_EXAMPLES = `
For a ledger that stands still since more than a third of its stake is gone: docs/operations/ledger-recovery.md.
  $ selvedge ledger restart prepare /srv/selvedge/ledger --genesis genesis.json --gone 2 --gone 3 -o restart.snapshot
  $ selvedge ledger restart apply restart.snapshot --genesis genesis.json --root ROOT --data /srv/selvedge/ledger-new`

export function addLedger(program: Command, report: Report): void {
  const ledger = program.command('ledger').description('A node of a ledger, what its owner does with it, and tools.')
  addRun(ledger, report)
  addReplay(ledger, report)
  addGenesis(
    ledger.command('genesis').description('Make a genesis file with its operators.').addHelpText('after', GENESIS_EXAMPLES),
    report,
  )
  addRestart(
    ledger.command('restart').description('Go on after too many validators are gone.').addHelpText('after', RESTART_EXAMPLES),
    report,
  )
  addOwnerWords(ledger, report)
}

function addRun(ledger: Command, report: Report): void {
  ledger
    .command('run')
    .description('Run a node of a ledger until it is stopped.')
    .requiredOption('--genesis <file>', GENESIS_TEXT)
    .option('--hash <hex>', HASH_TEXT)
    .option('--data <dir>', 'folder of keys, ledger and store', join('.selvedge', 'node'))
    .option('--passphrase-file <file>', PASSPHRASE_TEXT)
    .addOption(doorOption('--listen', 'where content sessions are accepted', 4433))
    .option('--origin <url>', 'a trustless IPFS gateway to fetch content from; again for each further one', collect(parseOrigin), [])
    .option('--store-max <size>', STORE_MAX_TEXT, argument(parseStoreMax))
    .addOption(doorOption('--order', 'where other validators connect', 4434))
    .addOption(doorOption('--sync', 'where joiners get state and blocks; at the host of --order', 4435))
    .addOption(doorOption('--rpc', 'where wallets connect; beyond this machine, put a proxy with TLS in front', 8545))
    .option('--source <host:port>', "another node's --sync, to join from; again for each further one", collect(parseListen), [])
    .option('--pin <file>', 'begin from a restart by decree instead of genesis, while there is no state here')
    .option('--pin-hash <hex>', 'SHA-256 of the pin, 64 hex digits: another file is refused')
    .option('--archive', 'keep all blocks, and make files of closed epochs')
    .addOption(new Option('--log-level <level>', 'how much is said on stderr').choices(LOG_LEVELS).default('info'))
    .action(async (options) => (await import('./ledger-run.ts')).ledgerRun(report, options))
}

function addReplay(ledger: Command, report: Report): void {
  ledger
    .command('replay')
    .description('Execute the whole history again and compare every root with what was certified.')
    .argument('<path...>', "an archive node's folder, or epoch files")
    .requiredOption('--genesis <file>', GENESIS_TEXT)
    .option('--hash <hex>', HASH_TEXT)
    .addHelpText('after', REPLAY_EXAMPLES)
    .action(async (paths, options) => (await import('./ledger-replay.ts')).ledgerReplay(report, paths, options))
}

function addGenesis(genesis: Command, report: Report): void {
  genesis
    .command('init')
    .description('Begin a draft with the rules of a preset.')
    .argument('<draft>', 'file to make')
    .addOption(new Option('--network <preset>', 'whose rules').choices(['dev', 'test', 'main']).default('dev'))
    .requiredOption('--chain-id <number>', 'names the network in every signature')
    .option('--time <when>', 'when the ledger begins: ISO 8601, or Unix milliseconds; default: now')
    .requiredOption('--governor <address>', 'account with a word on rules; again for each further one', collect(String), [])
    .option('--threshold <count>', 'governors who must agree; default: two thirds and one')
    .option('--account <address=tokens>', 'native tokens that an account begins with; again for each further one', collect(String), [])
    .option('--token <symbol=name>', 'what clients pay with', 'USD=US dollar')
    .action(async (draft, options) => (await import('./ledger-genesis.ts')).genesisInit(report, draft, options))
  genesis
    .command('sign')
    .description("Make and sign the entry of one's own node.")
    .argument('<draft>', 'the draft as it was handed out')
    .requiredOption('--data <dir>', 'folder of the keys')
    .requiredOption('--owner <address>', 'account that owns the node')
    .requiredOption('--stake <tokens>', 'native tokens it begins with as stake')
    .requiredOption('--address <ip:order[,sessions]>', 'where it is reached: IPv4 and ports of order and of content')
    .option('--keys-until <epoch>', 'epoch up to which its session key is good', '10000')
    .requiredOption('-o, --output <file>', 'the entry, to be sent to whoever collects')
    .action(async (draft, options) => (await import('./ledger-genesis.ts')).genesisSign(report, draft, options))
  genesis
    .command('add')
    .description('Take signed entries into the draft; each is checked.')
    .argument('<draft>', 'the draft')
    .argument('<entry...>', 'files of `sign`')
    .action(async (draft, entries) => (await import('./ledger-genesis.ts')).genesisAdd(report, draft, entries))
  genesis
    .command('finish')
    .description('Choose the first committee and write the genesis file; prints its hash.')
    .argument('<draft>', 'the draft')
    .requiredOption('-o, --output <file>', 'the genesis file')
    .action(async (draft, options) => (await import('./ledger-genesis.ts')).genesisFinish(report, draft, options))
  genesis
    .command('check')
    .description('Check a genesis file and every signature in it; prints its hash.')
    .argument('<file>', GENESIS_TEXT)
    .option('--hash <hex>', HASH_TEXT)
    .action(async (file, options) => (await import('./ledger-genesis.ts')).genesisCheck(report, file, options))
}

function addRestart(restart: Command, report: Report): void {
  restart
    .command('prepare')
    .description("End the epoch by decree, from a survivor's ledger. Every survivor gets the same file.")
    .argument('<dir>', "the survivor's ledger folder; its node is stopped")
    .requiredOption('--genesis <file>', GENESIS_TEXT)
    .option('--height <number>', 'the block that survivors agreed on; another head is refused')
    .option('--gone <nodeIndex>', 'a member whose keys are lost; again for each further one', collect(String), [])
    .requiredOption('-o, --output <file>', 'the state to begin from')
    .option('--pin <file>', 'write the pin too, for nodes that join later')
    .action(async (dir, options) => (await import('./ledger-restart.ts')).restartPrepare(report, dir, options))
  restart
    .command('apply')
    .description("Fill a node's new ledger folder from the file.")
    .argument('<file>', 'what `prepare` made')
    .requiredOption('--genesis <file>', GENESIS_TEXT)
    .requiredOption('--root <hex>', 'BLAKE3 root of the file that the operators agreed on')
    .requiredOption('--data <dir>', 'the new ledger folder: it must not hold one')
    .action(async (file, options) => (await import('./ledger-restart.ts')).restartApply(report, file, options))
}

/** Faults are said by `runCli`, in one line; every command has `--json`. */
export function quieten(command: Command): void {
  command.exitOverride().configureOutput({ writeErr: () => {} })
  if (command.commands.length === 0) command.option('--json', JSON_TEXT)
  for (const each of command.commands) quieten(each)
}

function doorOption(name: string, text: string, port: number): Option {
  return new Option(`${name} <host:port>`, text).argParser(argument(parseListen)).default({ host: '127.0.0.1', port }, `127.0.0.1:${port}`)
}
