/** `selvedge run`: a node until it is asked to stop. */
import { formatNodeAddress } from '@selvedge/client'
import { tuneCollector } from '@selvedge/consensus/collector'
import { Buffer } from 'node:buffer'
import { contentLog, createLog, keyLog } from '../cli/log.ts'
import type { Report } from '../cli/report.ts'
import { untilSignal } from '../cli/until-signal.ts'
import { VERSION } from '../cli/version.ts'
import { startControl } from '../compose/control.ts'
import { addFile } from '../compose/import-file.ts'
import { loadKeyPair } from '../compose/key-file.ts'
import { keyPathOf, startNode } from '../compose/node.ts'
import { passphraseFrom } from '../compose/passphrase.ts'

export interface RunOptions {
  readonly data: string
  readonly listen: { readonly host: string; readonly port: number }
  readonly origin: readonly string[]
  readonly storeMax?: number
  readonly passphraseFile?: string
  readonly logLevel: string
}

export async function run(report: Report, { data, listen, origin, storeMax, passphraseFile, logLevel }: RunOptions): Promise<void> {
  tuneCollector() // what it serves lies outside V8's heap, as a validator's frames do (decision 0028)
  const log = createLog(logLevel)
  const identity = await loadKeyPair(keyPathOf(data), { passphrase: await passphraseFrom(passphraseFile), ...keyLog(log) })
  const node = await startNode(identity, { dataDir: data, ...listen, origins: origin, storeBytesMax: storeMax, ...contentLog(log) })
  const address = formatNodeAddress(node)
  const { status } = node
  const control = await startControl(data, address, (file, signal) => addFile(node, file, signal), { status }).catch(
    async (error: unknown) => {
      await node.stop() // it listens, and would keep the process that has failed
      throw error
    },
  )
  const asked = untilSignal() // whoever reads the next line may ask at once
  log.info({ address, data, origins: origin, version: VERSION }, 'listening')
  report.result({ address, host: node.host, port: node.port, nodeKey: Buffer.from(node.nodeKey).toString('hex'), data }, address)
  const signal = await asked
  log.info({ signal }, 'stopping')
  await control.stop()
  await node.stop()
  log.info('stopped')
}
