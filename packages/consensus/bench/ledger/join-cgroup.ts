/** Bounds the memory of this process and its children, page cache included. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** @param folder - a memory cgroup, of version 1 or 2, that exists and may be written to. @returns its limit in bytes. */
export function joinCgroup(folder: string): number {
  const file = ['memory.max', 'memory.limit_in_bytes'].map((name) => join(folder, name)).find(existsSync)
  if (file === undefined) throw new Error(`${folder} is no memory cgroup`)
  writeFileSync(join(folder, 'cgroup.procs'), String(process.pid))
  return Number(readFileSync(file, 'utf8'))
}
