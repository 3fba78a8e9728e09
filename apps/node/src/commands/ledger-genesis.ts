/** `selvedge ledger genesis`: how operators who trust nobody's machine but their own make one file. */
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { writeFile } from 'node:fs/promises'
import type { Report } from '../cli/report.ts'
import { NodeError } from '../errors.ts'
import {
  addEntries,
  createDraft,
  entryOf,
  finishDraft,
  formatDraft,
  parseDraft,
  parseEntry,
  type DraftOptions,
} from '../ledger-tools/genesis-draft.ts'
import { checked, readFileOf, readGenesis } from '../ledger-tools/genesis-file.ts'
import { passphraseFrom } from '../compose/passphrase.ts'
import { loadLedgerSeeds } from '../ledger-tools/ledger-seeds.ts'
import { addressIn, integerIn, ipAddressIn, timeIn, tokensIn } from '../ledger-tools/texts.ts'

export interface InitOptions {
  readonly network: DraftOptions['network']
  readonly chainId: string
  readonly time?: string
  readonly governor: readonly string[]
  readonly threshold?: string
  readonly account: readonly string[]
  readonly token: string
}

export interface SignOptions {
  readonly data: string
  readonly owner: string
  readonly stake: string
  readonly address: string
  readonly keysUntil: string
  readonly output: string
}

export async function genesisInit(report: Report, path: string, options: InitOptions): Promise<void> {
  const { network, chainId, time, governor, threshold, account, token } = options
  const [symbol = '', name = ''] = token.split('=', 2)
  const draft = createDraft({
    network,
    chainId: Number(integerIn('--chain-id', chainId, 2n ** 32n - 1n)),
    timeMs: time === undefined ? Date.now() : timeIn('--time', time),
    governors: governor.map((text) => addressIn('--governor', text)),
    ...(threshold === undefined ? {} : { threshold: Number(integerIn('--threshold', threshold, 255n)) }),
    accounts: account.map((text) => {
      const [address = '', tokens = ''] = text.split('=', 2)
      return { address: addressIn('--account', address), native: tokensIn('--account', tokens) }
    }),
    token: { symbol, name },
  })
  await writeNew(path, formatDraft(draft))
  report.result({ draft: path, chainId: draft.chainId, timeMs: draft.timeMs, network }, `${path}: edit it, then hand it to the operators`)
}

export async function genesisSign(report: Report, path: string, options: SignOptions): Promise<void> {
  const { data, owner, stake, address, keysUntil, output } = options
  const draft = parseDraft(path, await readFileOf(path))
  const seeds = await loadLedgerSeeds(data, { passphrase: await passphraseFrom(undefined) })
  const entry = entryOf(draft, seeds, {
    owner: addressIn('--owner', owner),
    stake: tokensIn('--stake', stake),
    address: ipAddressIn('--address', address),
    notAfterEpoch: Number(integerIn('--keys-until', keysUntil, 2n ** 32n - 1n)),
  })
  await writeNew(output, entry)
  const nodeKey = Buffer.from(createKeyPair(seeds.node).publicKey).toString('hex')
  report.result({ entry: output, nodeKey, data }, `node key ${nodeKey}`, `${output}: send it to whoever collects; the keys stay in ${data}`)
}

export async function genesisAdd(report: Report, path: string, entries: readonly string[]): Promise<void> {
  const draft = parseDraft(path, await readFileOf(path))
  const read = await Promise.all(entries.map(async (entry) => ({ name: entry, entry: parseEntry(entry, await readFileOf(entry)) })))
  const next = addEntries(draft, read)
  await writeFile(path, formatDraft(next))
  report.result({ draft: path, nodes: next.nodes.length }, `${path} has ${next.nodes.length} nodes, each signed by its own keys`)
}

export async function genesisFinish(report: Report, path: string, { output }: { readonly output: string }): Promise<void> {
  const draft = parseDraft(path, await readFileOf(path))
  const { bytes, genesis } = checked(path, () => finishDraft(draft))
  await writeNew(output, bytes)
  const hash = Buffer.from(genesis.hash).toString('hex')
  report.result(
    { genesis: output, hash, nodes: genesis.nodes.length, committee: genesis.committee },
    `${output}: ${genesis.nodes.length} nodes, first committee ${genesis.committee.join(', ')}`,
    `hash ${hash}`,
  )
}

export async function genesisCheck(report: Report, path: string, { hash: pinned }: { readonly hash?: string }): Promise<void> {
  const { hash, chainId, nodes, committee, timeMs } = await readGenesis(path, pinned)
  const text = Buffer.from(hash).toString('hex')
  report.result(
    { genesis: path, hash: text, chainId, timeMs, nodes: nodes.length, committee },
    `${path}: chain ${chainId}, ${nodes.length} nodes, every signature is good`,
    `hash ${text}`,
  )
}

/** Never over another file: a key ceremony is not repeated by an arrow key. */
async function writeNew(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(path, content, { flag: 'wx' }).catch((cause: unknown) => {
    const why = (cause as NodeJS.ErrnoException).code === 'EEXIST' ? 'it is there already' : (cause as Error).message
    throw new NodeError('NODE_OUTPUT', `cannot write ${path}: ${why}`, {}, { cause })
  })
}
