/** Snapshot files in memory: for tests, and for ledgers whose state is small. */
import { SynchronizerError } from './errors.ts'
import type { SnapshotFiles } from './ports.ts'

/** Makes an empty folder that is gone with the process. */
export function createMemoryFiles(): SnapshotFiles {
  const files = new Map<string, Uint8Array>()
  return {
    async create(name) {
      const parts: Uint8Array<ArrayBuffer>[] = []
      return {
        async write(bytes) {
          parts.push(new Uint8Array(bytes))
        },
        async finish() {
          files.set(name, new Uint8Array(await new Blob(parts).arrayBuffer()))
        },
        async abort() {
          parts.length = 0
        },
      }
    },
    async open(name) {
      const data = files.get(name)
      if (data === undefined) throw new SynchronizerError('SYNCHRONIZER_NOT_FOUND', `no file ${name}`)
      return { data, close: async () => undefined }
    },
    list: async () => [...files.keys()],
    async remove(name) {
      files.delete(name)
    },
  }
}
