/** `selvedge status`: what the node that runs on a folder has counted. */
import { formatBytes } from '../cli/format.ts'
import type { Report } from '../cli/report.ts'
import { abortOnSignal } from '../cli/until-signal.ts'
import { statusOfNode } from '../compose/control.ts'

export async function status(report: Report, { data }: { readonly data: string }): Promise<void> {
  const found = await statusOfNode(data, { signal: abortOnSignal() })
  const { service, store, pins } = found
  const bound = store.bytesMax === undefined ? 'no bound' : `of ${formatBytes(store.bytesMax)}`
  report.result(
    { ...found },
    `requests  ${service.requests}`,
    `sent      ${formatBytes(service.egressBytes)}`,
    `service   ${(service.cpuMicros / 1_000).toFixed(3)} ms of its own steps`,
    `store     ${formatBytes(store.usedBytes)}, ${bound}`,
    `pins      ${pins.pins} paid for, ${formatBytes(pins.pinnedBytes)}; ${pins.own} of the operator`,
  )
}
