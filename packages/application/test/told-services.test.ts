/** Two defects of the network before: a service's events that nobody ever saw, and what ended when there was no node left. */
import { committees, NODE_STATES, nodes } from '@selvedge/application'
import { expect, test } from 'vitest'
import { codesOf, NATIVE, Network, seedOf, WEI } from './support/network.ts'
import { ofKind } from './support/step.ts'

test('whatever happens to a service is told, with its version', () => {
  const network = new Network()
  const owner = network.wallets[1]!
  const terms = { manifest: seedOf('manifest'), priceMultiplePpm: 900_000, payees: [{ account: owner.address, ppm: 1_000_000 }] }
  const sent = [
    network.send(network.call(owner, 'addService', terms, { value: 100n * NATIVE * WEI })),
    network.send(network.call(owner, 'updateService', { serviceId: 1, ...terms })),
    network.send(network.call(owner, 'removeService', { serviceId: 1 })),
  ]
  expect(sent.flatMap(codesOf)).toEqual([0, 0, 0])
  expect(sent.flatMap(({ executed }) => executed.flatMap(({ events }) => ofKind(events, 'service')))).toEqual([
    { kind: 'service', serviceId: 1, version: 1, state: 0 },
    { kind: 'service', serviceId: 1, version: 2, state: 1 },
    { kind: 'service', serviceId: 1, version: 2, state: 2 },
  ])
})

test('with no node left that could order, epochs end and the committee stays', () => {
  const network = new Network()
  const before = network.app.state.get(committees, 0)
  for (const [nodeIndex, { owner }] of network.nodes.entries())
    expect(codesOf(network.send(network.call(owner, 'optOut', { nodeIndex })))).toEqual([0])
  for (let epoch = 1; epoch <= 4; epoch++) {
    expect(network.closeEpoch().final?.view.epoch).toBe(epoch)
    expect(network.app.state.rows(nodes).every(([, { state }]) => state === NODE_STATES.idle)).toBe(true)
    expect(network.app.state.get(committees, epoch)).toEqual(before)
  }
})
