/** The words of `selvedge ledger` for whoever owns a node. */
import { type Command, Option } from 'commander'
import type { Report } from '../cli/report.ts'

const AMOUNT_TEXT = 'native tokens, such as 500 or 0.5'

const OWNER_EXAMPLES = `
The owner's key signs: 64 hex digits in a file that only you may read, as made by
  $ (umask 077; openssl rand -hex 32 > owner.key)
From nothing to a seat, once the node follows ("selvedge ledger run") and the owner's account has the money:
  $ selvedge ledger register --chain-id 1 --key owner.key --data /srv/selvedge --stake 2000 --address 192.0.2.5:4434,4433 --dry-run
  $ selvedge ledger register --chain-id 1 --key owner.key --data /srv/selvedge --stake 2000 --address 192.0.2.5:4434,4433
  $ selvedge ledger opt-in --chain-id 1 --key owner.key --data /srv/selvedge
  $ selvedge ledger status --data /srv/selvedge
With --genesis FILE rows and receipts are taken with proofs alone, whoever's node it is; a node on another machine must prove which one --data names.
Exit code 1 with one line when the ledger refuses, with its code and what it means here.`

export function addOwnerWords(ledger: Command, report: Report): void {
  owned(ledger.command('register').description("Register one's own node, with a stake."))
    .requiredOption('--data <dir>', "folder of the node's keys")
    .requiredOption('--stake <tokens>', AMOUNT_TEXT)
    .requiredOption('--address <ip:order[,sessions]>', 'where it is reached: IPv4 and ports of order and of content')
    .option('--keys-until <epoch>', 'epoch up to which its session key is good', '10000')
    .addHelpText('after', OWNER_EXAMPLES)
    .action(async (options) => (await import('./ledger-owner.ts')).ledgerRegister(report, options))
  chosen(owned(ledger.command('stake').description('Add to the stake of a node.').argument('<tokens>', AMOUNT_TEXT))).action(
    async (amount, options) => (await import('./ledger-owner.ts')).ledgerStake(report, amount, options),
  )
  chosen(owned(ledger.command('opt-in').description('Let a node order from the next epochs on.'))).action(async (options) =>
    (await import('./ledger-owner.ts')).ledgerOptIn(report, options),
  )
  chosen(owned(ledger.command('opt-out').description('Let a node order no more when its epoch ends.'))).action(async (options) =>
    (await import('./ledger-owner.ts')).ledgerOptOut(report, options),
  )
  chosen(
    owned(ledger.command('unstake').description('Take from the stake of a node.').argument('<tokens>', `${AMOUNT_TEXT}; or: all`)),
  ).action(async (amount, options) => (await import('./ledger-owner.ts')).ledgerUnstake(report, amount, options))
  owned(ledger.command('withdraw').description('Draw all that is unbonded.'))
    .option('--to <address>', 'account that gets it; default: the owner')
    .action(async (options) => (await import('./ledger-owner.ts')).ledgerWithdraw(report, options))
  chosen(trusting(ledger.command('status').description('Where a node stands: state, stake, seat, owner.').addOption(rpcOption()))).action(
    async (options) => (await import('./ledger-owner.ts')).ledgerStatus(report, options),
  )
}

function owned(command: Command): Command {
  return trusting(command.addOption(rpcOption()))
    .requiredOption('--key <file>', "file of the owner's key, mode 600")
    .requiredOption('--chain-id <number>', 'the chain that is signed for; a node of another is refused')
    .option('--dry-run', 'say what would happen, and send nothing')
}

function chosen(command: Command): Command {
  return command.option('--data <dir>', "folder of the node's keys").option('--node <nodeIndex>', 'the node by its number')
}

/** What is answered is then proven, from the committee of genesis or of a pin on. */
export function trusting(command: Command, { isRequired = false }: { readonly isRequired?: boolean } = {}): Command {
  const genesis = new Option(
    '--genesis <file>',
    `the genesis file: what the node says of the ledger must ${isRequired ? '' : 'then '}be proven`,
  )
  return command
    .addOption(genesis.makeOptionMandatory(isRequired))
    .option('--hash <hex>', 'SHA-256 of the genesis file, 64 hex digits: another file is refused')
    .option('--pin <file>', 'with --genesis, after a restart by decree: the pin that certificates are followed from')
    .option('--pin-hash <hex>', 'SHA-256 of the pin, 64 hex digits: another file is refused')
}

export function rpcOption(): Option {
  const url = 'http://127.0.0.1:8545'
  return new Option('--rpc <url>', 'JSON-RPC of any node of the ledger').default(url)
}
