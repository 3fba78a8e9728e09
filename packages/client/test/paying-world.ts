/** What the tests of paying clients share. */
import { expect, onTestFinished, vi } from 'vitest'
import { ClientError, createClient, type Client, type ClientOptions, type PayingAccount, type VerifiedPart } from '../src/index.ts'
import { sampleBytes } from './node.ts'
import { payingAccount, type PaidNode } from './paying-node.ts'

/** Of a lane that is paid for. */
export const CREDIT: number = 2 ** 21 + 2 ** 18
/** Several windows, so that a client that did not sign would wait for ever. */
export const SIZE = 3_000_000
export const DATA: Uint8Array = sampleBytes(SIZE)
/** More than a lane's credit, twice over. */
export const TWICE: Uint8Array = sampleBytes(2 * SIZE)

export function clientOf(options: Omit<ClientOptions, 'account'>, account: PayingAccount = payingAccount()): Client {
  const client = createClient({ account, ...options })
  onTestFinished(() => client.close())
  return client
}

export async function bytesOf(download: AsyncIterable<VerifiedPart>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const { bytes } of download) parts.push(bytes.slice())
  return new Uint8Array(Buffer.concat(parts))
}

export async function errorOf(action: () => Promise<unknown>): Promise<ClientError> {
  const error = await action().then(
    () => new Error('nothing was thrown'),
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(ClientError)
  return error as ClientError
}

/** A comparison by `toEqual` would take longer than all the rest. */
export const isData = (bytes: Uint8Array): boolean => Buffer.compare(bytes, DATA) === 0
export const sumOf = (values: readonly bigint[]): bigint => values.reduce((sum, value) => sum + value, 0n)
export const faultsOf = (node: PaidNode): number[] => node.meters.flatMap(({ faults }) => faults)
/** What a node may claim. */
export const paidTo = (node: PaidNode): { bytes: bigint; microUsd: bigint } => {
  const newest = node.meters.map(({ last }) => last)
  return { bytes: sumOf(newest.map((each) => each?.cumBytes ?? 0n)), microUsd: sumOf(newest.map((each) => each?.cumPrice ?? 0n)) }
}
/** Whatever was on its way to the node has come. */
export const settled = async (...nodes: readonly PaidNode[]): Promise<void> =>
  await vi.waitFor(() => expect(nodes.flatMap(({ meters }) => meters).every(({ isOver }) => isOver)).toBe(true), { timeout: 20_000 })
