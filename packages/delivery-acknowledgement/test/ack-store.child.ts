/** Keeps acknowledgements of 100 chains until it is killed, and says what it knows to be on disk. */
import { writeSync } from 'node:fs'
import { createFileAckStore } from '@selvedge/delivery-acknowledgement/node'
import { recordOf } from './support/records.ts'

const [folder = '', start = '0'] = process.argv.slice(2)
const store = await createFileAckStore(folder)
writeSync(1, `nonce ${store.nextNonceBlock()}\n`)
for (let seq = Number(start) + 1; ; seq++) {
  for (let chain = 0; chain < 100; chain++) store.put(recordOf(chain, seq))
  await store.flush()
  writeSync(1, `seq ${seq}\n`)
}
