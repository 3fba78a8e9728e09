/** `selvedge run`: a node until it is asked to stop. */
import { formatNodeAddress } from '@selvedge/client'
import { Buffer } from 'node:buffer'
import { destination, pino } from 'pino'
import type { Report } from '../cli/report.ts'
import { untilSignal } from '../cli/until-signal.ts'
import { startControl } from '../compose/control.ts'
import { importFileInto } from '../compose/import-file.ts'
import { loadKeyPair } from '../compose/key-file.ts'
import { keyPathOf, startNode } from '../compose/node.ts'
import { passphraseFrom } from '../compose/passphrase.ts'

export interface RunOptions {
  readonly data: string
  readonly listen: { readonly host: string; readonly port: number }
  readonly origin: readonly string[]
  readonly passphraseFile?: string
  readonly logLevel: string
}

export async function run(report: Report, { data, listen, origin, passphraseFile, logLevel }: RunOptions): Promise<void> {
  const log = pino({ name: 'selvedge', level: logLevel }, destination({ dest: 2, sync: true }))
  const identity = await loadKeyPair(keyPathOf(data), {
    passphrase: await passphraseFrom(passphraseFile),
    onPlain: (path) => log.info({ path }, 'the key is not encrypted on disk: a passphrase (--passphrase-file) does that'),
  })
  const node = await startNode(identity, {
    dataDir: data,
    ...listen,
    origins: origin,
    onLane: (event) => (event.laneCode === undefined ? log.debug(event, 'lane') : log.warn(event, 'lane reset')),
    onServiceLog: (level, text) => log[level]({ service: 'cdn' }, text),
    onRecovery: (event) => log.info(event, 'recovery'),
  })
  const address = formatNodeAddress(node)
  const control = await startControl(data, address, async (file) => {
    const { cid, entity } = await importFileInto(node.store, file)
    return { cid: cid.toString(), root: Buffer.from(entity.root!).toString('hex'), size: entity.size }
  })
  const asked = untilSignal() // whoever reads the next line may ask at once
  log.info({ address, data, origins: origin }, 'listening')
  report.result({ address, host: node.host, port: node.port, nodeKey: Buffer.from(node.nodeKey).toString('hex'), data }, address)
  const signal = await asked
  log.info({ signal }, 'stopping')
  await control.stop()
  await node.stop()
  log.info('stopped')
}
