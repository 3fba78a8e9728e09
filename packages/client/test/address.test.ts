import { expect, test } from 'vitest'
import { parseNodeAddress } from '../src/index.ts'

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
