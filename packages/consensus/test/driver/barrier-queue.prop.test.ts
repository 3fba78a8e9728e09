import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BarrierQueue } from '../../src/core/barrier-queue.ts'

interface Effect {
  readonly id: number
  readonly isBarrier: boolean
}

// Goal: an effect leaves after every barrier before it is durable, in order, once. Method: pushes, syncs and their ends in any order,
// held against one list of what was pushed and a set of what is durable.
test('nothing passes a barrier that is not durable, nothing is lost, the order stays', () => {
  const steps = fc.array(fc.oneof(fc.array(fc.boolean(), { maxLength: 5 }), fc.constantFrom('ready', 'sync', 'end')), { maxLength: 60 })
  fc.assert(
    fc.property(steps, (actions) => {
      const queue = new BarrierQueue<Effect>(({ isBarrier }) => isBarrier)
      const pushed: Effect[] = []
      const durable = new Set<number>()
      const left: Effect[] = []
      let syncing: readonly Effect[] | undefined
      const leave = (effects: readonly Effect[]): void => {
        for (const effect of effects) {
          expect(effect.isBarrier).toBe(false)
          expect(pushed.slice(0, effect.id).every(({ id, isBarrier }) => !isBarrier || durable.has(id))).toBe(true)
          left.push(effect)
        }
      }
      const end = (): void => {
        if (syncing === undefined) return
        for (const { id } of syncing) durable.add(id)
        syncing = undefined
        leave(queue.durable())
      }
      for (const action of actions) {
        if (action === 'ready') leave(queue.takeReady())
        else if (action === 'end') end()
        else if (action === 'sync') {
          const barriers = queue.takeBarriers()
          expect(queue.isSyncing).toBe(syncing !== undefined || barriers !== undefined)
          syncing ??= barriers
        } else {
          const effects = action.map((isBarrier, i) => ({ id: pushed.length + i, isBarrier }))
          pushed.push(...effects)
          queue.push(effects)
        }
      }
      for (let i = 0; i < 3; i++) {
        end()
        leave(queue.takeReady())
        syncing = queue.takeBarriers()
      }
      expect(left).toEqual(pushed.filter(({ isBarrier }) => !isBarrier))
      expect(queue.size).toBe(0)
    }),
  )
})
