import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { parseNodeAddress } from '../src/index.ts'
import { targetOf } from '../src/target.ts'

test('an address with a WebSocket is read from its text', () => {
  const noise = '0a'.repeat(136)
  const text = `selvedge://node.example:4433/${'67'.repeat(32)}?ws=${encodeURIComponent('wss://node.example/ws?x=1')}&noise=${noise}`
  expect(parseNodeAddress(text)).toMatchObject({
    host: 'node.example',
    websocket: { url: 'wss://node.example/ws?x=1', noiseRecord: new Uint8Array(136).fill(10) },
  })
  for (const wrong of [
    text.replace('wss', 'https'),
    text.slice(0, -1),
    `${text}&more=1`,
    text.replace(/&noise=.*/, ''),
    text.replace(/\?ws=[^&]*&/, '?'),
  ])
    expect(() => parseNodeAddress(wrong)).toThrow(expect.objectContaining({ code: 'CLIENT_BAD_ARGUMENT' }))
})

test('a root is copied, also one in a Buffer, and taken from another realm', () => {
  const root = Buffer.alloc(32, 7)
  const target = targetOf(root)
  root.fill(9)
  const copied = { kind: 'root', root: new Uint8Array(32).fill(7) }
  expect([target, targetOf(runInNewContext('new Uint8Array(32).fill(7)') as Uint8Array)]).toEqual([copied, copied])
  expect(() => targetOf(new Uint8Array(31))).toThrow(expect.objectContaining({ code: 'CLIENT_BAD_ARGUMENT' }))
})
