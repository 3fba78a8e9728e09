// The command line in this process, and what it wrote.
import { vi } from 'vitest'
import { runCli } from '../src/cli/program.ts'

export interface Said {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export async function cli(...args: readonly string[]): Promise<Said> {
  const parts = { stdout: '', stderr: '' }
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      parts[name] += String(text)
      return true
    }),
  )
  try {
    return { code: await runCli(args), ...parts }
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
}
