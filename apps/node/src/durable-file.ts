/** Files that are on disk when a call resolves, whatever happens to the process or the machine afterwards. */
import { open } from 'node:fs/promises'

/** Writes a new file, for its owner alone; its name is not durable before `syncFolder`. @throws what the disk refuses; `EEXIST` */
export async function writeDurably(path: string, bytes: Uint8Array, mode = 0o600): Promise<void> {
  await using file = await open(path, 'wx', mode)
  await file.writeFile(bytes)
  await file.sync()
}

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return // a folder cannot be opened there
  await using folder = await open(path)
  await folder.sync()
}
