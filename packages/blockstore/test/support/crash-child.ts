/**
 * A process that works on a store until it is killed. Arguments: path, seed, the operation at which it kills itself (0: never).
 * Lines `began put 7` and `acked put 7` go out by synchronous writes, so what was said before the kill was said.
 */
import { writeSync } from 'node:fs'
import { createBlockstore, createNodeFileSystem, type FileSystem, type OpenFile } from '../../src/index.ts'
import { Random } from './random.ts'
import { runWorkload } from './workload.ts'

const [path = '', seed = '', killsAt = '', held = ''] = process.argv.slice(2)
const random = new Random(Number(seed))
let operations = 0

/** Before, in the middle of, or after the operation. */
function killIf(isNow: boolean): void {
  if (isNow) process.kill(process.pid, 'SIGKILL')
}

function killing(fileSystem: FileSystem): FileSystem {
  const moments = new Random(Number(seed) + 1)
  const step = async <T>(action: () => Promise<T>): Promise<T> => {
    const isNow = ++operations === Number(killsAt)
    const isBefore = moments.next() < 0.5
    killIf(isNow && isBefore)
    const result = await action()
    killIf(isNow)
    return result
  }
  const wrap = (file: OpenFile): OpenFile => ({
    read: (offset, length) => file.read(offset, length),
    write: async (offset, parts) => {
      if (operations + 1 === Number(killsAt)) {
        const bytes = Buffer.concat(parts)
        await file.write(offset, [bytes.subarray(0, moments.below(bytes.length + 1))])
        killIf(true)
      }
      await step(() => file.write(offset, parts))
    },
    datasync: () => step(() => file.datasync()),
    truncate: (size) => step(() => file.truncate(size)),
    close: () => file.close(),
  })
  return {
    makeDirectory: (folder) => fileSystem.makeDirectory(folder),
    list: (folder) => fileSystem.list(folder),
    size: (file) => fileSystem.size(file),
    open: async (file, mode) => wrap(mode === 'create' ? await step(() => fileSystem.open(file, mode)) : await fileSystem.open(file, mode)),
    rename: (source, target) => step(() => fileSystem.rename(source, target)),
    remove: (file) => step(() => fileSystem.remove(file)),
    syncDirectory: (folder) => step(() => fileSystem.syncDirectory(folder)),
  }
}

/** Small packs, so that some are compacted all the time. */
const store = createBlockstore({ fileSystem: killing(createNodeFileSystem()) }, { path, packBytesMax: 150_000 })
await store.start()
writeSync(1, 'started\n')
const items = new Set(
  held
    .split(',')
    .filter((item) => item !== '')
    .map(Number),
)
await runWorkload(store, random, (state, action, item) => void writeSync(1, `${state} ${action} ${item}\n`), items, 1_000_000)
