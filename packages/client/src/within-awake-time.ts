import type { AwakeTime } from './awake-time.ts'

/** What `work` gives, or the error of `onLate` when it takes longer than so much awake time; `work` itself goes on. The timer goes with it. */
export function withinAwakeTime<T>(work: Promise<T>, ms: number, time: AwakeTime, onLate: () => Error): Promise<T> {
  const startedMs = time.nowMs()
  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout>
    const look = (leftMs: number): void => {
      if (leftMs <= 0) return reject(onLate())
      timer = setTimeout(() => look(ms - (time.nowMs() - startedMs)), Math.min(leftMs, time.lookMs))
    }
    look(ms)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
