// Goal: an owner's command trusts the node that it asks no further than it must: it signs for the chain that was named and for no other, and an
// answer that is none ends in one line that says so.
// Method: an HTTP server that answers as a lying node would, and the command line against it, in this process.
import { decodeTransaction } from '@selvedge/ledger-types'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { scratchFolder, type Ran } from './harness.ts'
import { startRpcServer, type Answers } from './rpc-server.ts'
import { runHere } from './run-here.ts'

const CHAIN_ID = 1337

/** @returns what `withdraw` did, and the transactions that it sent. */
async function withdraw(answers: Answers): Promise<{ readonly ran: Ran; readonly sent: readonly Uint8Array[] }> {
  const key = join(await scratchFolder(), 'owner.key')
  await writeFile(key, '11'.repeat(32), { mode: 0o600 })
  const sent: Uint8Array[] = []
  const server = await startRpcServer({
    eth_estimateGas: '0x7918', // 31,000
    eth_gasPrice: '0x3b9aca00',
    eth_getTransactionCount: '0x0',
    selvedge_nodeInfo: { chainId: CHAIN_ID },
    selvedge_sendTransaction: ([bytes]: readonly unknown[]) => {
      sent.push(new Uint8Array(Buffer.from(String(bytes).slice(2), 'hex')))
      return undefined
    },
    ...answers,
  })
  onTestFinished(() => server.stop())
  return { ran: await runHere(['ledger', 'withdraw', '--rpc', server.url, '--key', key, '--chain-id', String(CHAIN_ID)]), sent }
}

test('a node that names another chain once it was believed gets no signature for it', async () => {
  let asked = 0
  const { ran, sent } = await withdraw({ selvedge_nodeInfo: () => ({ chainId: asked++ === 0 ? CHAIN_ID : 1 }) })
  expect(ran.code).toBe(1) // it took the transaction and said so in no way that is understood
  expect(sent.map((bytes) => decodeTransaction(bytes))).toMatchObject([{ transaction: { chainId: CHAIN_ID } }])
})

test.each(['0x1', '0x7919', '0x1e8868', `0x${'f'.repeat(64)}`])(
  'gas of %s is none that a call costs, and nothing is signed',
  async (gas) => {
    const { ran, sent } = await withdraw({ eth_estimateGas: gas })
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining('gas, which no call costs') as string })
    expect(sent).toEqual([])
  },
)

test.each(['null', '7', '"x"', '[]', '{"error":7}', '{"error":{"message":7,"data":null}}', '{"result":[]}', '{"error":null}', '{'])(
  'an answer of %s is told in one line',
  async (body) => {
    const { ran } = await withdraw({ selvedge_nodeInfo: () => ({ body }) })
    expect(ran).toMatchObject({ code: 1, stdout: '' })
    expect(ran.stderr).toMatch(/^selvedge: [^\n]*(is no node of a ledger|no reason given)[^\n]*\n$/)
    expect(ran.stderr).not.toMatch(/\((ERROR|[A-Z_]+)\)\n$/)
  },
)
