/**
 * Keeps acknowledgements of 100 chains, and ticks behind each, until it is killed, and says what it did: `put N MS` when those up to number N are handed
 * to the store, at MS of its clock; `durable N` when all up to N are known to be on disk. Number N is of chain N % 100.
 *
 * `flushing`: as fast as the disk goes. `paced`: 2,000 a second, and the store brings them to the disk by itself.
 */
import { writeSync } from 'node:fs'
import { createFileAckStore } from '@selvedge/delivery-acknowledgement/node'
import { CHAINS, recordOfNumber } from './support/records.ts'

const TICK_MS = 10
const PUTS_A_TICK = 20

const [folder = '', first = '0', mode = 'flushing'] = process.argv.slice(2)
const store = await createFileAckStore(folder)
writeSync(1, `nonce ${store.nextNonceBlock()}\n`)
let number = Number(first)

function put(count: number): void {
  for (let left = count; left > 0; left--) store.put(recordOfNumber(number++))
  writeSync(1, `put ${number - 1} ${Math.round(performance.now())}\n`)
}

if (mode === 'paced') setInterval(() => put(PUTS_A_TICK), TICK_MS)
else {
  for (;;) {
    put(CHAINS)
    await store.flush()
    writeSync(1, `durable ${number - 1}\n`)
  }
}
