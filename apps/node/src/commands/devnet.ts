/** `selvedge devnet`: a network of validators on this machine, and the story of what it survives. */
import { rmSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Report } from '../cli/report.ts'
import { untilSignal } from '../cli/until-signal.ts'
import { runStory } from '../devnet/story.ts'
import { killValidators } from '../devnet/validators.ts'
import { runLedgerStory } from '../ledger-devnet/ledger-story.ts'
import { killLedgerNodes } from '../ledger-devnet/processes.ts'

export interface DevnetCommandOptions {
  readonly validators: number
  readonly story: 'consensus' | 'ledger'
  readonly once?: true
  readonly data: string
}

export async function devnet(report: Report, { validators, story, once, data }: DevnetCommandOptions): Promise<void> {
  const folder = join(data, `devnet-${process.pid}`)
  await mkdir(folder, { recursive: true })
  const clean = (): void => {
    killValidators()
    killLedgerNodes()
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
  process.on('exit', clean)
  const ended = untilSignal()
  void ended.then(() => {
    if (!isWaiting) process.exit(130) // in the middle of the story: 'exit' ends what runs
  })
  let isWaiting = false
  const waitForEnd = async (): Promise<void> => {
    isWaiting = true
    for (const line of invitation(folder, story)) report.say(line)
    await ended
  }
  try {
    const tell = story === 'ledger' ? runLedgerStory : runStory
    const result = await tell({ validators, folder, say: (line) => report.say(line) }, once === true ? undefined : waitForEnd)
    report.result({ ...result }, result.ok ? 'all of it held' : 'NOT all of it held', JSON.stringify(result))
  } finally {
    process.off('exit', clean)
    clean()
  }
}

const invitation = (folder: string, story: DevnetCommandOptions['story']): string[] => [
  '',
  'the network goes on under load until Ctrl-C, and is judged then; in another terminal, try:',
  ...(story === 'ledger'
    ? [
        `  ls -l ${folder}                      data of the nodes: state/ is the ledger, wal/ what was signed`,
        '  pgrep -f devnet-ledger-node          their processes; kill -9 one of them: the others go on',
      ]
    : [
        `  ls -l ${folder}                      data of the validators: wal/ is what they signed, journal what was delivered`,
        '  pgrep -f devnet-validator            their processes; kill -9 one of them: the other three go on',
      ]),
]
