/** The other end of a bench in a process of its own: it says once what it is, then answers one question at a time, and ends with its parent. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

export interface OtherProcess<Facts> {
  readonly facts: Facts
  ask<Answer>(question: string): Promise<Answer>
  /** Resolves when it has ended. */
  stop(): Promise<void>
}

/** Starts `file`, which calls `answerParent`. What it prints is seen. */
export async function startProcess<Facts>(file: string, ...args: readonly string[]): Promise<OtherProcess<Facts>> {
  const child = fork(file, args)
  const heard = <Answer>(): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const settle = (): void => void child.off('message', onMessage).off('exit', onExit)
      const onMessage = (message: unknown): void => {
        settle()
        resolve(message as Answer)
      }
      const onExit = (code: number | null): void => {
        settle()
        reject(new Error(`${file} ended with code ${code}`))
      }
      child.on('message', onMessage).on('exit', onExit)
    })
  return {
    facts: await heard<Facts>(),
    ask<Answer>(question: string) {
      const answer = heard<Answer>()
      child.send(question)
      return answer
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.disconnect()
      await ended
    },
  }
}

/** In the other process: `facts` and answers are what JSON can say. */
export function answerParent(
  facts: object,
  answers: Readonly<Record<string, () => unknown>>,
  stop: () => Promise<unknown> | undefined = () => undefined,
): void {
  process.on('message', (question) => void answerTo(answers[String(question)]))
  process.on('disconnect', () => void Promise.resolve(stop()).finally(() => process.exit(0)))
  process.send?.(facts)
}

async function answerTo(answer: (() => unknown) | undefined): Promise<void> {
  const said: unknown = await answer?.()
  process.send?.(said ?? {})
}

/** What this process has used, in milliseconds of one processor. */
export function processorMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

/** Resident bytes of this process when all garbage is collected. */
export async function residentBytes(): Promise<number> {
  if (globalThis.gc === undefined) throw new Error('memory is measured with --expose-gc')
  for (let round = 0; round < 5; round++) {
    globalThis.gc()
    await sleep(200) // finalizers, and what is written to the disk meanwhile
  }
  return process.memoryUsage.rss()
}
