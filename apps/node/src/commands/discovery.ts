/** `selvedge discovery write`: a network's signed list of its nodes, from what its ledger proves. */
import type { DiscoveryDocument } from '@selvedge/client/discovery'
import { existsSync } from 'node:fs'
import type { Report } from '../cli/report.ts'
import { abortOnSignal } from '../cli/until-signal.ts'
import { loadKeyPair } from '../compose/key-file.ts'
import { passphraseFrom } from '../compose/passphrase.ts'
import { NodeError } from '../errors.ts'
import { placeDiscovery } from '../ledger-tools/discovery-file.ts'
import { listedOf, patientDoor, registryOf } from '../ledger-tools/discovery-registry.ts'
import { readGenesis } from '../ledger-tools/genesis-file.ts'
import { openProvenDoor, trustOf, type TrustOptions } from '../ledger-tools/proven-door.ts'
import { openRpcDoor } from '../ledger-tools/rpc-door.ts'
import { integerIn } from '../ledger-tools/texts.ts'

export interface DiscoveryWriteOptions extends TrustOptions {
  readonly genesis: string
  readonly rpc: string
  readonly key: string
  readonly passphraseFile?: string
  readonly name: string
  readonly days: string
  readonly publicRpc: string
  readonly explorer: string
  readonly output: string
}

const DAY_MS = 86_400_000
const DAYS_MAX = 3_650n

export async function discoveryWrite(report: Report, options: DiscoveryWriteOptions): Promise<void> {
  const { name, publicRpc, explorer, output } = options
  const days = Number(integerIn('--days', options.days, DAYS_MAX))
  if (days === 0) throw new NodeError('NODE_USAGE', '--days: a document that is good for no day is worth nothing')
  const signal = abortOnSignal()
  const genesis = await readGenesis(options.genesis, options.hash)
  const trust = (await trustOf(options))!
  const {
    epoch,
    committeeRoot,
    nodes: active,
  } = await registryOf(openProvenDoor(patientDoor(openRpcDoor(options.rpc, signal), signal), trust, signal))
  const { nodes, ...left } = listedOf(active, { chainId: genesis.chainId, epoch })
  if (nodes.length === 0)
    throw new NodeError('NODE_DISCOVERY', `none of ${active.length} Active nodes has an address and a session key that clients could use`)
  const notAfterMs = Date.now() + days * DAY_MS
  const about = { name, chainId: genesis.chainId, genesisHash: genesis.hash, committeeRoot, epoch }
  const document: DiscoveryDocument = { ...about, nodes, rpc: publicRpc, explorer, notAfterMs }
  const keys = await keysOf(options, report)
  await placeDiscovery(output, document, (message) => keys.sign(message))
  const key = Buffer.from(keys.publicKey).toString('hex')
  report.result(
    { ok: true, output, discoveryKey: key, chainId: genesis.chainId, epoch, nodes: nodes.length, ...left, notAfterMs },
    `${output} and ${output}.sig: ${nodes.length} nodes as of epoch ${epoch}, good until ${new Date(notAfterMs).toISOString()}`,
    ...leftLines(left),
    `clients need the discovery key: ${key}`,
  )
}

/** A file that is named wrongly must not become a new key under a document whose readers know another one. */
async function keysOf({ key, passphraseFile, output }: DiscoveryWriteOptions, report: Report): ReturnType<typeof loadKeyPair> {
  if (existsSync(output) && !existsSync(key))
    throw new NodeError('NODE_KEY_FILE', `${key} is not there, and ${output} was signed before: a new key would be none that clients have`)
  return await loadKeyPair(key, {
    passphrase: await passphraseFrom(passphraseFile),
    onPlain: (path) => report.say(`${path} is not encrypted: a passphrase (--passphrase-file) does that`),
  })
}

function leftLines({ withoutAddress, withoutRecord, beyond }: Omit<ReturnType<typeof listedOf>, 'nodes'>): string[] {
  const lines: readonly (readonly [number, string])[] = [
    [withoutAddress, 'they offer no port to clients'],
    [withoutRecord, 'their key for sessions is past its epoch or not signed for this chain'],
    [beyond, 'a document holds no more, and theirs are the lowest scores'],
  ]
  return lines.filter(([count]) => count > 0).map(([count, why]) => `left out ${count} Active nodes: ${why}`)
}
