/** Appends numbered records in groups and prints the last number of each group that is durable. Lives until it is killed. */
import { writeSync } from 'node:fs'
import { createFileStore } from '../../src/store.node.ts'
import { bodyOf } from './store-record.ts'

const [path = '', from = '1', seed = '1'] = process.argv.slice(2)
const store = createFileStore({ path, segmentBytesMax: 2 ** 20 })
await store.start()
let number = Number(from)
for (let group = 0; ; group++) {
  const size = 1 + ((Number(seed) * 13 + group * 7) % 23)
  for (let i = 0; i < size; i++, number++) store.epoch(0).append([{ kind: 'batch', key: String(number), bytes: bodyOf(number) }])
  const last = number - 1
  const durable = store.sync().then(() => writeSync(1, `${last}\n`))
  if (group % 3 === 2) await durable // up to three groups at once
}
