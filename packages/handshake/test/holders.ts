/** Holders of tokens as their owner sees them: what they tell, and a payer that writes down what it hears of it. */
import { encodeAccept, encodeOpen } from '../src/frames.ts'
import { HolderLanes, type HolderReport } from '../src/holder-lanes.ts'
import type { EpochFrame } from '../src/paying.ts'
import { TestPayer } from './paying.ts'

export class SigningPayer extends TestPayer {
  verified(...args: [number, bigint]): void {
    this.told.push({ name: 'verified', args })
  }
  refuse(...args: [number]): void {
    this.told.push({ name: 'refuse', args })
  }
}

/** Of the lanes here. */
export const SERVICE = 3
export const openBody: Uint8Array = encodeOpen({ serviceId: SERVICE, initialCredit: 9, metadata: Uint8Array.of(1) })
export const acceptBody: Uint8Array = encodeAccept({ initialCredit: 0, metadata: Uint8Array.of(2) })
export const A: { readonly holder: string; readonly epoch: bigint } = { holder: 'a', epoch: 5n }
export const TOKEN: string = '7'.repeat(32)
export const laneReport = (lane: number, from: typeof A = A, token: string = TOKEN): HolderReport => ({
  type: 'lane',
  ...from,
  token,
  lane,
  openBody,
  acceptBody,
})
export const epochOf = (epoch: bigint, ...lanes: { lane: number; offset: bigint }[]): EpochFrame => ({
  epoch,
  rand: new Uint8Array(16),
  priceVersion: 3,
  lanes,
})

/** With one token, that allows what its holder likes. */
export function createHolders(payer: SigningPayer = new SigningPayer(), bytesMax: number = 2 ** 40): HolderLanes {
  const holders = new HolderLanes(payer, 5n)
  holders.allow(TOKEN, { serviceId: SERVICE, bytesMax })
  return holders
}
