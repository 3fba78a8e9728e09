import type { Carrier } from './carrier.ts'

/** The same carrier, and a promise of its end. */
export function watchCarrier(carrier: Carrier): { readonly watched: Carrier; readonly gone: Promise<void> } {
  let onGone: () => void = () => {}
  const gone = new Promise<void>((resolve) => {
    onGone = resolve
  })
  const watched: Carrier = {
    channelBinding: carrier.channelBinding,
    start: ({ onBytes, onClosed }) =>
      carrier.start({
        onBytes,
        onClosed: (error) => {
          onClosed(error)
          onGone()
        },
      }),
    send: (parts, onFlushed) => carrier.send(parts, onFlushed),
    pause: () => carrier.pause(),
    resume: () => carrier.resume(),
    end: () => carrier.end(),
    destroy: () => carrier.destroy(),
  }
  return { watched, gone }
}
