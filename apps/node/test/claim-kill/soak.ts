/**
 * Real validators in processes of their own, one of which serves a customer for money and is killed with -9 while its claim is on its way: once
 * between commit and answer, once between answer and settlement. What it is paid is read from another node; what it should be comes from the bytes at
 * the customer's reader. Three epochs of twenty seconds for each kill: four minutes.
 *
 *   node --conditions=@selvedge/source test/claim-kill/soak.ts
 *
 * Prints one line; ends with code 1 when a claim was not paid once, and exactly.
 */
import { CLAIM_STATES } from '@selvedge/application'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFileDag } from '../../src/dag/file-dag.ts'
import { serveDag } from '../../src/dag/serve-dag.ts'
import { openAccount } from '../../src/demo/money/account.ts'
import { type MoneyNetwork, startMoneyNetwork } from '../../src/demo/money/network.ts'
import { deliver, type Delivery, priceOfBytes } from '../../src/demo/money/paid.ts'
import { claimState, eventsOf, prepaidOf } from '../../src/ledger-devnet/claim-reading.ts'
import { killLedgerNodes } from '../../src/ledger-devnet/processes.ts'
import { ask } from '../../src/ledger-devnet/rpc-client.ts'
import type { DevnetNode } from '../../src/ledger-devnet/setup.ts'

const FILE_BYTES: number = 8 * 2 ** 20
const LOOK_MS = 50
const SETTLED_LATER = 2
/** Block time from when a node is back until its answer stands in a block, with what the times of blocks are rounded by. */
const SAY_SECONDS = 4
const ATTEMPTS_MAX = 4
const { committed, complete, challenged, passed, settled } = CLAIM_STATES
/** In which states of its claim the node is killed. */
const MOMENTS = { 'before its answer': [committed, complete, challenged], 'before its settlement': [passed] } as const

interface Ending {
  readonly killedIn: unknown
  /** From the kill until the next process took part. */
  readonly downMs: number
  readonly isPaidOnce: boolean
  readonly expected: bigint
  readonly debited: bigint
}

async function killed(
  network: MoneyNetwork,
  delivery: Delivery,
  origins: readonly string[],
  states: readonly number[],
): Promise<Ending | undefined> {
  const { devnet, server, setup } = network
  const { epoch, bytes, prepaid, customer } = delivery
  const witness = setup.nodes[0]!
  const stateNow = (): Promise<unknown> => claimState(witness.ports.rpc, epoch, server)
  const isOver = (): boolean =>
    devnet.processes.heightOf(witness.index) >= (devnet.finals.get(epoch + SETTLED_LATER) ?? Number.POSITIVE_INFINITY)
  while (!states.includes((await stateNow()) as number)) {
    if (isOver()) return undefined // it came too late to claim, on a busy machine
    await sleep(LOOK_MS)
  }
  const killedMs = Date.now()
  await devnet.processes.kill(server.index)
  const killedIn = await stateNow()
  const doors = await devnet.start(server.index, { origins })
  const downMs = Date.now() - killedMs
  const backAt = devnet.processes.heightOf(witness.index)
  Object.assign(network.content, { port: doors!.sessions })
  await devnet.processes.until('the settlement', isOver)
  const payments = (await eventsOf(witness.ports.rpc, 'payment')).filter(
    (event) => event['epoch'] === epoch && event['nodeIndex'] === server.index,
  )
  const debited = prepaid - (await prepaidOf(witness.ports.rpc, customer.clientIndex))
  const voided = (await eventsOf(witness.ports.rpc, 'claim')).find(
    (event) => event['epoch'] === epoch && event['nodeIndex'] === server.index && event['state'] === CLAIM_STATES.void,
  )
  // The ledger waits for nobody: a node that is back when it is too late to answer, whatever was in its way, loses its claim, and then nobody is debited.
  const voidAt = voided === undefined ? Number.POSITIVE_INFINITY : await secondsAt(witness, voided['height'] as number)
  const wasLate = voidAt - (await secondsAt(witness, backAt)) < SAY_SECONDS
  if (wasLate && payments.length === 0 && debited === 0n) return undefined
  const expected = priceOfBytes(bytes)
  const isPaidOnce = (await stateNow()) === settled && payments.length === 1 && BigInt(payments[0]!['paid'] as string) === expected
  return { killedIn, downMs, isPaidOnce: isPaidOnce && debited === expected, expected, debited }
}

/** Block time, Unix seconds. */
async function secondsAt({ ports }: DevnetNode, height: number): Promise<number> {
  const block = (await ask(ports.rpc, 'eth_getBlockByNumber', `0x${height.toString(16)}`, false)) as { timestamp: string }
  return Number(block.timestamp)
}

const temporary = join(import.meta.dirname, '..', '..', '.tmp')
await mkdir(temporary, { recursive: true })
const folder = await mkdtemp(join(temporary, 'claim-kill-'))
process.on('exit', killLedgerNodes)
const truth = randomBytes(FILE_BYTES)
const file = join(folder, 'file')
await writeFile(file, truth)
const dag = createFileDag()
const cid = await dag.build([{ path: 'file', file, size: FILE_BYTES }], { wrap: false })
const origin = await serveDag(dag)
const origins = [origin.url]
const network = await startMoneyNetwork(join(folder, 'network'), origins)
try {
  const { senders } = network.setup
  let next = 0
  const words: string[] = []
  for (const [moment, states] of Object.entries(MOMENTS)) {
    let ending: Ending | undefined
    for (let attempt = 0; attempt < ATTEMPTS_MAX && ending === undefined; attempt++) {
      const customer = await openAccount(network, senders[next++]!)
      const delivery = await deliver(network, customer, { cid, truth, end: FILE_BYTES })
      if (delivery.isTrue && delivery.isInOneEpoch) ending = await killed(network, delivery, origins, states)
    }
    if (ending?.isPaidOnce !== true) process.exitCode = 1
    words.push(
      `killed ${moment} (state ${String(ending?.killedIn)}), back after ${ending?.downMs} ms: ${ending?.debited} of ${ending?.expected} µUSD debited, paid once: ${ending?.isPaidOnce}`,
    )
  }
  process.stdout.write(`${words.join('; ')}\n`)
} finally {
  await network.stop()
  await origin.stop()
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
}
