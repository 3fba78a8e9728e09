const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** One Ctrl-C reaches a process several times: from the terminal, and again from each wrapper that passes it on. */
const SAME_PRESS_MS = 1_000

/** Resolves with the first thing that asks this process to end; a second press, a second later, ends it at once. */
export async function untilSignal(): Promise<string> {
  return await new Promise((resolve) => {
    let first: number | undefined
    const ask = (name: string): void => {
      const now = performance.now()
      first ??= now
      if (now - first > SAME_PRESS_MS) process.exit(130)
      resolve(name)
    }
    for (const name of SIGNALS) process.on(name, () => ask(name))
    // A node that a parent process started, with a channel between them, ends with its parent, however that ended.
    if (process.channel !== undefined) {
      process.on('disconnect', () => ask('disconnect'))
      process.channel.unref() // a listener would keep the process alive when all its work is done
    }
  })
}

/** A signal that aborts when this process is asked to end. */
export function abortOnSignal(): AbortSignal {
  const controller = new AbortController()
  void untilSignal().then((name) => controller.abort(new Error(`ended by ${name}`)))
  return controller.signal
}
