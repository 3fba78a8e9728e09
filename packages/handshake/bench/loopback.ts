/**
 * Throughput of one lane over TLS on loopback, node and client in two processes, beside plain node:tls with the same cipher.
 *
 *   node --conditions=@selvedge/source packages/handshake/bench/loopback.ts [MiB]
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { cpus } from 'node:os'
import { connect, createServer } from 'node:tls'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { connectSession } from '@selvedge/handshake'
import { createSessionServer } from '@selvedge/handshake/tls'
import { createNodeContext } from '../src/tls-carrier.node.ts'

const MIB = 2 ** 20
const [role, argument = '1024'] = process.argv[2] === 'sender' ? ['sender', process.argv[3]] : ['receiver', process.argv[2]]
const totalBytes = Number(argument) * MIB
const identity = createKeyPair(new Uint8Array(32).fill(1))
const writeBytes = [16, 64, 256].map((kib) => kib * 1024)

if (role === 'sender') await send()
else await receive()

async function send(): Promise<void> {
  const server = createSessionServer(
    {
      identity,
      async onLane(request) {
        const lane = request.accept(new Uint8Array())
        const piece = new Uint8Array(new DataView(request.metadata.buffer, request.metadata.byteOffset).getUint32(0, true))
        for (let sent = 0; sent < totalBytes; sent += piece.length) await lane.write(piece)
        await lane.end()
      },
    },
    { chainId: 1337 },
  )
  const plain = createServer({ ALPNProtocols: ['plain'], SNICallback: (_, done) => done(null, createNodeContext(identity)) }, (socket) => {
    socket.on('error', () => {})
    socket.once('data', async (bytes) => {
      const piece = new Uint8Array(bytes.readUInt32LE(0))
      for (let sent = 0; sent < totalBytes; sent += piece.length) if (!socket.write(piece)) await once(socket, 'drain')
      socket.end()
    })
  })
  plain.listen(0, '127.0.0.1')
  await once(plain, 'listening')
  const { port } = await server.start()
  process.send?.({ port, plainPort: (plain.address() as { port: number }).port })
  process.on('disconnect', () => process.exit(0))
}

async function receive(): Promise<void> {
  const child = fork(process.argv[1]!, ['sender', argument], { execArgv: ['--conditions=@selvedge/source'] })
  const [{ port, plainPort }] = (await once(child, 'message')) as [{ port: number; plainPort: number }]
  const rows: { name: string; rates: number[] }[] = []
  for (let round = 0; round < 5; round++) {
    for (const bytes of writeBytes) {
      record(rows, `lane, writes of ${bytes / 1024} KiB`, await timeLane(port, bytes))
      record(rows, `node:tls, writes of ${bytes / 1024} KiB`, await timePlain(plainPort, bytes))
    }
  }
  for (const { name, rates } of rows) {
    rates.sort((a, b) => a - b)
    console.log(`${name}: ${rates[2]!.toFixed(0)} MiB/s (${rates[0]!.toFixed(0)}–${rates[4]!.toFixed(0)})`)
  }
  console.log(`node ${process.version}, ${cpus()[0]?.model}, ${cpus().length} cores`)
  child.disconnect()
}

function record(rows: { name: string; rates: number[] }[], name: string, seconds: number): void {
  const row = rows.find((each) => each.name === name) ?? rows[rows.push({ name, rates: [] }) - 1]!
  row.rates.push(totalBytes / MIB / seconds)
}

async function timeLane(port: number, bytes: number): Promise<number> {
  const session = await connectSession({ host: '127.0.0.1', port, nodeKey: identity.publicKey, chainId: 1337 })
  const startedMs = performance.now()
  const lane = await session.openLane({ serviceId: 0, metadata: u32(bytes) })
  let received = 0
  for await (const piece of lane.source) received += piece.length
  const seconds = (performance.now() - startedMs) / 1000
  if (received !== totalBytes) throw new Error(`received ${received}`)
  await session.close()
  return seconds
}

async function timePlain(port: number, bytes: number): Promise<number> {
  const socket = connect({
    port,
    host: '127.0.0.1',
    servername: 'x',
    rejectUnauthorized: false,
    ALPNProtocols: ['plain'],
    ciphers: 'TLS_AES_128_GCM_SHA256',
  })
  await once(socket, 'secureConnect')
  const startedMs = performance.now()
  socket.write(u32(bytes))
  let received = 0
  socket.on('data', (piece) => {
    received += piece.length
  })
  await once(socket, 'end')
  const seconds = (performance.now() - startedMs) / 1000
  if (received !== totalBytes) throw new Error(`received ${received}`)
  socket.destroy()
  return seconds
}

function u32(value: number): Uint8Array {
  const out = new Uint8Array(4)
  new DataView(out.buffer).setUint32(0, value, true)
  return out
}
