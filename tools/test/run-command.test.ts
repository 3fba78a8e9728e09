import { expect, test } from 'vitest'
import { inParallel, runCommand } from '../run-command.ts'
import { top } from '../tool.ts'

test('a command that does not exist, fails or takes too long says so', async () => {
  const run = (command: string, ...args: string[]) => runCommand(command, args, { cwd: top, timeoutMs: 2_000 })
  expect(await run('no-such-command')).toMatchObject({ code: 127, output: expect.stringContaining('ENOENT') })
  expect(await run(process.execPath, '-e', 'console.log(1); process.exit(3)')).toMatchObject({ code: 3, output: '1\n' })
  const stalled = await runCommand(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { cwd: top, timeoutMs: 100 })
  expect(stalled).toMatchObject({ code: 1, output: expect.stringContaining('its deadline') })
})

test('no more jobs run at once than the limit, and results keep the order of the items', async () => {
  let running = 0
  let most = 0
  const results = await inParallel(
    [1, 2, 3, 4, 5],
    async (item) => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setImmediate(resolve))
      running--
      return item * 2
    },
    2,
  )
  expect({ results, most }).toEqual({ results: [2, 4, 6, 8, 10], most: 2 })
})
