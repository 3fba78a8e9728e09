/**
 * Opens the store in a folder and kills itself before its call number `step` to the file system, counted from 0; what is written is written in two calls. Ends with
 * code 0 where there are fewer.
 */
import { createFileAckStore } from '@selvedge/delivery-acknowledgement/node'
import fs from 'node:fs'
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

type Call = (this: unknown, ...args: never[]) => unknown
type Calls = Record<string, Call>

const [folder = '', step = '0'] = process.argv.slice(2)
let left = Number(step)

function count(): void {
  if (left-- === 0) process.kill(process.pid, 'SIGKILL')
}

function countCalls(of: Calls, names: readonly string[]): void {
  for (const name of names) {
    const call = of[name]!
    of[name] = function (...args) {
      count()
      return call.apply(this, args)
    }
  }
}

const handle = await promises.open(import.meta.filename)
const handles = Object.getPrototypeOf(handle) as typeof handle
await handle.close()
const { appendFile } = handles
const { writeSync } = fs
handles.appendFile = async function (this: typeof handle, data) {
  const bytes = data as Uint8Array
  const half = bytes.length >> 1
  count()
  await appendFile.call(this, bytes.subarray(0, half))
  count()
  await appendFile.call(this, bytes.subarray(half))
}
fs.writeSync = ((file: number, bytes: Uint8Array): number => {
  const half = bytes.length >> 1
  count()
  const written = writeSync(file, bytes.subarray(0, half))
  count()
  return written + writeSync(file, bytes.subarray(half))
}) as typeof fs.writeSync
countCalls(handles as unknown as Calls, ['sync', 'datasync', 'truncate', 'close'])
countCalls(promises as unknown as Calls, ['mkdir', 'open', 'readFile', 'rename', 'rm'])
countCalls(fs as unknown as Calls, ['openSync', 'fsyncSync', 'closeSync', 'renameSync'])
syncBuiltinESMExports()

const store = await createFileAckStore(folder)
await store.stop()
