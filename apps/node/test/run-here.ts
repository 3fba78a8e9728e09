/** The command line in this process: what it said and with which code it ended. */
import { vi } from 'vitest'
import { runCli } from '../src/cli/program.ts'
import type { Ran } from './harness.ts'

process.setMaxListeners(100) // each command listens for signals as if the process were its own

export async function runHere(args: readonly string[]): Promise<Ran> {
  const said = { stdout: '', stderr: '' }
  const listen = (name: 'stdout' | 'stderr'): Disposable =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      said[name] += String(text)
      return true
    })
  using _out = listen('stdout')
  using _err = listen('stderr')
  const code = await runCli(args)
  process.channel?.ref() // a command lets go of it, and with it this process could end before its last test does
  return { code, ...said }
}
