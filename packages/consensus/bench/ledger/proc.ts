/** What /proc knows of this machine besides the CPU time of processes: their memory, bytes over loopback. Linux only. */
import { readFileSync } from 'node:fs'

/** Resident bytes of a process, 0 when it has ended. */
export function residentBytesOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(textOf(`/proc/${pid}/status`) ?? '')?.[1] ?? 0) * 1024
}

/** Bytes that went over loopback since the machine started; each counted once. */
export function loopbackBytes(): number {
  return Number(/^\s*lo:\s*(\d+)/m.exec(textOf('/proc/net/dev') ?? '')?.[1] ?? 0)
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
