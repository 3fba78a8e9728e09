/** The words of `selvedge discovery`; what they do is loaded when they are called. */
import type { Command } from 'commander'
import type { Report } from '../cli/report.ts'
import { PASSPHRASE_TEXT } from '../cli/usage.ts'
import { rpcOption, trusting } from './ledger-owner-words.ts'

const EXAMPLES = `
Two files, to be served over https side by side; the second is the signature of the first:
  $ selvedge discovery write --genesis genesis.json --name main --key discovery.key -o network.json
Clients have the key beforehand, and ask the near and good nodes:
  $ selvedge get CID --discovery https://selvedge.example/network.json --discovery-key KEY -o film.mp4
All that the document says of nodes is proven to whoever writes it, from the genesis file on. It takes no place of a document of a later epoch.`

export function addDiscovery(program: Command, report: Report): void {
  const discovery = program.command('discovery').description("A network's signed list of its nodes, for clients that know none.")
  const write = discovery.command('write').description("Write the list from the ledger's state, and sign it.").addOption(rpcOption())
  trusting(write, { isRequired: true })
    .requiredOption('--key <file>', 'file of the discovery key, mode 600; made where it is missing')
    .option('--passphrase-file <file>', PASSPHRASE_TEXT)
    .requiredOption('--name <text>', "the network's, for people")
    .option('--days <count>', 'for how long the list is good', '7')
    .option('--public-rpc <url>', 'JSON-RPC that clients are told of', '')
    .option('--explorer <url>', 'a page that people are told of', '')
    .requiredOption('-o, --output <file>', 'the list; its signature gets ".sig" behind it')
    .addHelpText('after', EXAMPLES)
    .action(async (options) => (await import('./discovery.ts')).discoveryWrite(report, options))
}
