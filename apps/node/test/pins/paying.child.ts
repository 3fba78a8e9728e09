/** Pays for a hundred contents again and again, and says of each payment when it is on disk, until it is killed: FOLDER LIFE. */
import { writeSync } from 'node:fs'
import { openPinLog, type PinRecord } from '../../src/pins/pin-log.ts'

const [folder = '', life = '0'] = process.argv.slice(2)
const CONTENTS = 100

const live = new Map<number, PinRecord>()
const { log, records } = await openPinLog(folder, () => [...live.values()])
for (const record of records) live.set(record.account[0]!, record)
for (let epoch = 1_000_000 * (Number(life) + 1); ; epoch++) {
  const fills = Array.from({ length: CONTENTS }, (_, fill) => fill).filter((fill) => (fill + epoch) % 3 === 0)
  await Promise.all(
    fills.map(async (fill) => {
      const record = { account: new Uint8Array(20).fill(fill), root: new Uint8Array(32).fill(fill), size: fill, paidEpoch: BigInt(epoch) }
      live.set(fill, record)
      await log.append(record)
      writeSync(1, `${fill} ${epoch}\n`) // before anything else happens, so that what was said was on disk
    }),
  )
}
