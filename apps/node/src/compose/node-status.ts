/** What a running node says of itself to its operator: figures, and the same as text in the form that Prometheus reads. */
import type { Usage } from '@selvedge/sdk'

export interface NodeStatus {
  /** Of the content service since the node began. */
  readonly service: Usage
  readonly store: {
    readonly usedBytes: number
    /** Undefined: no bound. */
    readonly bytesMax: number | undefined
  }
  readonly pins: {
    /** Paid for by accounts. */
    readonly pins: number
    /** Of the operator. */
    readonly own: number
    /** Of those that accounts pay for, orders on their way included. */
    readonly pinnedBytes: number
  }
}

/** Of what came as JSON; none where it is no object. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
}

/** Whether all figures are there that a node has. */
export function isNodeStatus(value: unknown): value is NodeStatus {
  const { service, store, pins } = fieldsOf(value)
  const { requests, egressBytes, cpuMicros } = fieldsOf(service)
  const { usedBytes, bytesMax = 0 } = fieldsOf(store)
  const { pins: paid, own, pinnedBytes } = fieldsOf(pins)
  return [requests, egressBytes, cpuMicros, usedBytes, bytesMax, paid, own, pinnedBytes].every((figure) => typeof figure === 'number')
}

type Kind = 'counter' | 'gauge'

/** In the text format of Prometheus, version 0.0.4. */
export function formatMetrics({ service, store, pins }: NodeStatus): string {
  const metrics: readonly (readonly [name: string, kind: Kind, help: string, value: number | undefined])[] = [
    ['selvedge_service_requests_total', 'counter', 'Requests that were handed to the content service.', service.requests],
    ['selvedge_service_egress_bytes_total', 'counter', 'Bytes that lanes took, proofs included.', service.egressBytes],
    ['selvedge_service_cpu_microseconds_total', 'counter', "Microseconds of the content service's own steps.", service.cpuMicros],
    ['selvedge_store_used_bytes', 'gauge', 'Bytes of content and packs.', store.usedBytes],
    ['selvedge_store_bytes_max', 'gauge', 'Bytes that the store may hold.', store.bytesMax],
    ['selvedge_pins', 'gauge', 'Pins that accounts pay for.', pins.pins],
    ['selvedge_pins_own', 'gauge', 'Contents that the operator keeps.', pins.own],
    ['selvedge_pinned_bytes', 'gauge', 'Bytes of content that accounts pay for.', pins.pinnedBytes],
  ]
  const lines = metrics.flatMap(([name, kind, help, value]) =>
    value === undefined ? [] : [`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`, `${name} ${value}`],
  )
  return `${lines.join('\n')}\n`
}
