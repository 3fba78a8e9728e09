/** Both sides of a Noise handshake over a given engine, with fixed keys where a test wants the same bytes each time. */
import { NkHandshake, type NoiseChannel } from '../src/noise-handshake.ts'
import { nodeEngine } from '../src/noise-engine.node.ts'
import { portableEngine } from '../src/noise-engine.ts'
import type { NoiseEngine } from '../src/noise-rules.ts'

export const engines: readonly NoiseEngine[] = [nodeEngine, portableEngine]
export const secret = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
export const PROLOGUE: Uint8Array = new TextEncoder().encode('a prologue')

export interface Sides {
  readonly initiator: NkHandshake
  readonly responder: NkHandshake
}

export function sidesOf(ofInitiator: NoiseEngine, ofResponder: NoiseEngine): Sides {
  const staticKey = ofInitiator.publicKeyOf(secret(1))
  return {
    initiator: new NkHandshake(ofInitiator, { prologue: PROLOGUE, ephemeralSecret: secret(2) }, staticKey, undefined),
    responder: new NkHandshake(ofResponder, { prologue: PROLOGUE, ephemeralSecret: secret(3) }, staticKey, secret(1)),
  }
}

export async function channelsOf({ initiator, responder }: Sides): Promise<readonly [NoiseChannel, NoiseChannel]> {
  await responder.read(await initiator.write())
  await initiator.read(await responder.write())
  return [initiator.split(), responder.split()]
}
