// What a stranger costs a node: TLS and the dearest flight there is, a HELLO for this very node whose signature is wrong; beside plain node:tls.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:tls'
import type { Bench, Prepared } from '../../../tools/bench/bench.ts'

const FLIGHTS = 300
const HELLO_BYTES = 151

interface Target {
  readonly port: number
  readonly plainPort: number
  readonly nodeKey: readonly number[]
}

/** Frame and body: version 1, chain 1337, the node's key, a client's key that is a point of the curve, and a signature of nothing. */
function badHello(nodeKey: readonly number[]): Uint8Array {
  const out = new Uint8Array(8 + HELLO_BYTES).fill(7, 8 + 87)
  const view = new DataView(out.buffer)
  out[0] = 0x01
  view.setUint32(4, HELLO_BYTES, true)
  view.setUint16(8, 1, true)
  view.setUint32(10, 1337, true)
  out.set(nodeKey, 14)
  out.set(nodeKey, 46)
  return out
}

const subject = (isOurs: boolean) => async (): Promise<Prepared> => {
  const child = fork(`${import.meta.dirname}/sender.ts`)
  const [target] = (await once(child, 'message')) as [Target]
  const flight = isOurs ? badHello(target.nodeKey) : new Uint8Array(8) // plain: an order of no bytes
  const options = {
    host: '127.0.0.1',
    port: isOurs ? target.port : target.plainPort,
    rejectUnauthorized: false,
    ALPNProtocols: ['selvedge/1'],
  }
  const cpuMs = async (): Promise<number> => {
    child.send('cpu')
    const [{ user, system }] = (await once(child, 'message')) as [NodeJS.CpuUsage]
    return (user + system) / 1_000
  }
  const fly = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) {
      const socket = connect(options)
      await once(socket, 'secureConnect')
      socket.resume()
      socket.write(flight)
      await once(socket, 'close')
    }
  }
  const figure = async (): Promise<number> => {
    await fly(FLIGHTS / 10)
    const before = await cpuMs()
    await fly(FLIGHTS)
    return ((await cpuMs()) - before) / FLIGHTS
  }
  return { figure, close: () => child.disconnect() }
}

export const benches: readonly Bench[] = [
  {
    name: 'CPU of the node for a stranger whose HELLO is wrong',
    unit: 'ms',
    subjects: { ours: subject(true), 'node:tls': subject(false) },
    note: '`node:tls` ends the connection after the handshake; ours checks a signature and says GOAWAY first. Neither resumes.',
  },
]
