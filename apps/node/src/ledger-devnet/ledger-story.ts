/**
 * The story of the ledger, on real processes: one state on all, a wallet's transfer, a kill under load, a claim that is paid and one that is
 * not, a stranger that joins from a checkpoint, a committee that changes. Told in words, judged by what nodes answer to strangers and by
 * the files that they leave.
 */
import { committeeOfGenesis, parseGenesis } from '@selvedge/ledger-types'
import { setTimeout as sleep } from 'node:timers/promises'
import { auditSignatures } from '../devnet/audit.ts'
import { freePorts } from '../devnet/free-ports.ts'
import { askCommittees, checkWithLightClient } from './light-check.ts'
import { LedgerDevnet } from './ledger-devnet.ts'
import { Load } from './load.ts'
import { runMoneyChapter, type MoneyOutcome } from './money-chapter.ts'
import { createSetup } from './setup.ts'
import { callSystem, registerNewcomer, sendWithViem } from './wallets.ts'

export interface LedgerStoryOptions {
  readonly validators: number
  readonly folder: string
  readonly say: (line: string) => void
}

export interface LedgerStoryResult {
  readonly ok: boolean
  readonly stateRoots: number
  readonly transferSeenOn: number
  readonly killed: { readonly doubleSigned: number; readonly lost: number }
  readonly joined: { readonly trusted: 'genesis'; readonly rootEqual: boolean }
  readonly committeeChanged: boolean
  readonly claim: { readonly settled: boolean; readonly falseVoided: boolean }
}

const SENDERS_PER_NODE = 10
const DOWN_MS = 2_000

/** Runs the story to its end. With `meanwhile` the network goes on after the last chapter until that settles; then all is judged. */
export async function runLedgerStory(
  { validators, folder, say }: LedgerStoryOptions,
  meanwhile?: () => Promise<unknown>,
): Promise<LedgerStoryResult> {
  const setup = createSetup(validators, SENDERS_PER_NODE * (validators + 3), await portsOf(validators + 1))
  const first = committeeOfGenesis(parseGenesis(setup.genesisFile)).map(({ nodeIndex }) => nodeIndex)
  const devnet = new LedgerDevnet(setup, first, folder)
  const load = new Load(devnet.processes, { wallets: setup.senders, sendersPerNode: SENDERS_PER_NODE })
  const members = [...Array(validators).keys()]
  try {
    await Promise.all(members.map((index) => devnet.start(index)))
    await devnet.processes.until('the first blocks', () => members.every((index) => devnet.processes.heightOf(index) > 0))
    load.addNodes(members)
    say(
      `${validators} validators, each a process with consensus over mutual TLS, a ledger on LMDB and JSON-RPC; ${SENDERS_PER_NODE * validators} senders`,
    )
    say(`JSON-RPC: ${members.map((index) => `http://127.0.0.1:${setup.nodes[index]?.ports.rpc}`).join(' ')}`)
    const transferSeenOn = await sendWithViem(setup, members, say)
    await registerNewcomer(setup, validators, say)
    const money = runMoneyChapter(devnet, say)
    money.catch(() => {}) // awaited below; a failure before that is not unheard
    await killAndBringBack(devnet, load, validators - 1, say)
    const rootEqual = await joinFromCheckpoint(devnet, validators, say)
    const committeeChanged = await changeCommittee(devnet, load, validators, say)
    const claim = await money
    await meanwhile?.()
    load.stop()
    await devnet.processes.until('execution of all that was acknowledged', () => load.owed.length === 0).catch(() => {}) // then it is lost, and judged
    return await judge(devnet, load, { transferSeenOn, rootEqual, committeeChanged, claim }, say)
  } finally {
    load.stop()
    await devnet.stop()
  }
}

async function killAndBringBack(devnet: LedgerDevnet, load: Load, victim: number, say: (line: string) => void): Promise<void> {
  const { processes, setup } = devnet
  load.takeLatenciesMs()
  const before = processes.heightOf(victim)
  load.removeNode(victim)
  await processes.kill(victim)
  await sleep(DOWN_MS)
  const heads = (): number => Math.max(...setup.nodes.filter(({ index }) => index !== victim).map(({ index }) => processes.heightOf(index)))
  const behind = heads() - before
  const began = performance.now()
  await devnet.start(victim)
  const goal = heads()
  await processes.until('the killed validator to catch up', () => processes.heightOf(victim) >= goal)
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  load.addNodes([victim])
  const latencies = load.takeLatenciesMs()
  const median = latencies[latencies.length >> 1]?.toFixed(0) ?? '?'
  say(
    `validator ${victim} was killed with -9 under load, the others made ${behind} blocks meanwhile (half of the transfers within ${median} ms)`,
  )
  say(`it came back and was level after ${seconds} s`)
}

/** A node that knows the genesis file and nothing else. @returns whether its state was what the others had at that height. */
async function joinFromCheckpoint(devnet: LedgerDevnet, newcomer: number, say: (line: string) => void): Promise<boolean> {
  const { processes } = devnet
  await processes.until('the end of the first epoch', () => devnet.finals.has(0))
  const began = performance.now()
  await devnet.start(newcomer)
  const joined = devnet.joined.get(newcomer)
  const known = joined === undefined ? undefined : [...devnet.rootsAt(joined.height).values()][0]
  const head = Math.max(...devnet.setup.nodes.map(({ index }) => processes.heightOf(index)))
  await processes.until('the newcomer at the head', () => processes.heightOf(newcomer) >= head)
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  say(
    `node ${newcomer} joined: from the genesis file, by certificates, took the state of block ${joined?.height ?? '?'} from strangers; at the head after ${seconds} s`,
  )
  return joined !== undefined && known === joined.stateRoot
}

/** The newcomer opts in; when it is Active, validator 0 opts out: with the next epoch one has the seat of the other. */
async function changeCommittee(devnet: LedgerDevnet, load: Load, newcomer: number, say: (line: string) => void): Promise<boolean> {
  const { processes, setup, committees, finals } = devnet
  const [leaver] = setup.nodes
  const joiner = setup.nodes[newcomer]
  if (leaver === undefined || joiner === undefined) throw new Error('a devnet has more nodes than that')
  await callSystem(setup, 1, joiner.owner, 'optIn', { nodeIndex: newcomer })
  const asked = processes.epochOf(1)
  await processes.until('the epoch in which the newcomer is Active', () => processes.epochOf(1) > asked)
  await callSystem(setup, 1, leaver.owner, 'optOut', { nodeIndex: 0 })
  const isChanged = (members: readonly number[]): boolean => members.includes(newcomer) && !members.includes(0)
  await processes.until('a committee with the newcomer and without validator 0', () => committees.some(isChanged))
  const epoch = committees.findIndex(isChanged)
  load.removeNode(0)
  const start = finals.get(epoch - 1) ?? Number.POSITIVE_INFINITY
  await processes.until('blocks of the new committee', () => processes.heightOf(newcomer) > start + 1)
  load.addNodes([newcomer])
  say(`epoch ${epoch}: validator 0 has left the committee, node ${newcomer} has its seat and orders`)
  return true
}

interface Chapters {
  readonly transferSeenOn: number
  readonly rootEqual: boolean
  readonly committeeChanged: boolean
  readonly claim: MoneyOutcome
}

async function judge(devnet: LedgerDevnet, load: Load, chapters: Chapters, say: (line: string) => void): Promise<LedgerStoryResult> {
  const { transferSeenOn, rootEqual, committeeChanged, claim } = chapters
  const lost = load.owed.length
  const committees = await askCommittees(devnet.setup.nodes[1]!.ports.rpc, devnet.committees.length - 1)
  await devnet.stop()
  const certificatesVerified = checkWithLightClient(devnet, committees)
  const logs = new Map(
    devnet.setup.nodes
      .map(({ index }) => [index, devnet.keptLogsOf(index)] as const)
      .filter(([index]) => devnet.processes.heightOf(index) > 0),
  )
  const audit = auditSignatures(logs, devnet.committees)
  const { stateRoots } = devnet
  say(
    `${load.executed.size} transactions executed, ${load.acknowledged.size} acknowledged under load, ${lost} of them lost; ${audit.statements} signed words, ${audit.doubleSigned.length} of them twice`,
  )
  say(`a light client that knows the genesis file verified ${certificatesVerified} block certificates`)
  const killed = { doubleSigned: audit.doubleSigned.length, lost }
  const ok =
    stateRoots === 1 &&
    transferSeenOn === devnet.committees[0]?.length &&
    killed.doubleSigned === 0 &&
    lost === 0 &&
    rootEqual &&
    committeeChanged &&
    claim.settled &&
    claim.falseVoided &&
    certificatesVerified > 0
  return {
    ok,
    stateRoots,
    transferSeenOn,
    killed,
    joined: { trusted: 'genesis', rootEqual },
    committeeChanged,
    claim,
  }
}

/** Three for each node. */
async function portsOf(nodes: number): Promise<(readonly [order: number, rpc: number, sync: number])[]> {
  const all = await freePorts(3 * nodes)
  return Array.from({ length: nodes }, (_, i) => [all[3 * i] as number, all[3 * i + 1] as number, all[3 * i + 2] as number] as const)
}
