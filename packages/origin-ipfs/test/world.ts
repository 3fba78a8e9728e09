/** One file in a block set, and gateways that serve it well or badly: what every test here begins with. */
import { CID } from 'multiformats/cid'
import type { VerifiedBlock } from '@selvedge/verified-car'
import { createIpfsOrigin, type IpfsOrigin, type IpfsOriginComponents, type IpfsOriginOptions, OriginError } from '../src/index.ts'
import { type Behaviour, Blocks, bytesOf, CAR_TYPE, carFor, importFile, RAW_TYPE, TestGateway } from './support.ts'

export const CONTENT: Uint8Array = bytesOf(300_000)
export const LEAF = 10_000
export const blocks: Blocks = new Blocks()
export const root: CID = await importFile(CONTENT, blocks)
export const other: CID = await importFile(bytesOf(50_000, 9), blocks)

const gateways: TestGateway[] = []
const origins: IpfsOrigin[] = []

/** After each test. */
export async function closeAll(): Promise<void> {
  await Promise.all([...origins.splice(0).map((origin) => origin.stop()), ...gateways.splice(0).map((gateway) => gateway.stop())])
}

export async function start(behaviour: Behaviour): Promise<TestGateway> {
  const gateway = await new TestGateway(behaviour).start()
  gateways.push(gateway)
  return gateway
}

export function originOf(
  listed: readonly (TestGateway | string)[],
  options: Partial<IpfsOriginOptions> = {},
  components: IpfsOriginComponents = {},
): IpfsOrigin {
  const urls = listed.map((gateway) => (typeof gateway === 'string' ? gateway : gateway.url))
  const origin = createIpfsOrigin(components, { gateways: urls, ...options })
  origins.push(origin)
  return origin
}

export const honest: Behaviour = async (asked, response) => {
  if (asked.isRaw) {
    response.writeHead(200, { 'content-type': RAW_TYPE }).end(await blocks.get(CID.parse(asked.url.pathname.split('/').at(-1)!)))
    return
  }
  response.writeHead(200, { 'content-type': CAR_TYPE }).end(await carFor(root, blocks, asked))
}

/** Honest but for one bit. */
export function flipped(at: number): Behaviour {
  return async (asked, response) => {
    const car = await carFor(root, blocks, asked)
    car[at]! ^= 1
    response.writeHead(200, { 'content-type': CAR_TYPE }).end(car)
  }
}

export async function failure(parts: AsyncIterable<VerifiedBlock>): Promise<OriginError> {
  try {
    for await (const _ of parts);
  } catch (error) {
    if (error instanceof OriginError) return error
    throw error
  }
  throw new Error('it should have failed')
}
