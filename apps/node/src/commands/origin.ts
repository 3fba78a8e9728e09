/** `selvedge origin`: a folder as an IPFS origin, so that everything runs without the internet. */
import { formatBytes } from '../cli/format.ts'
import type { Report } from '../cli/report.ts'
import { untilSignal } from '../cli/until-signal.ts'
import { createFileDag } from '../dag/file-dag.ts'
import { listFiles } from '../dag/file-list.ts'
import { serveDag } from '../dag/serve-dag.ts'
import { NodeError } from '../errors.ts'

export async function origin(
  report: Report,
  folder: string,
  { listen }: { readonly listen: { readonly host: string; readonly port: number } },
): Promise<void> {
  const files = await listFiles(folder).catch((cause: unknown) => {
    throw new NodeError('NODE_USAGE', `${folder} cannot be read: ${(cause as Error).message}`, {}, { cause })
  })
  if (files.length === 0) throw new NodeError('NODE_USAGE', `${folder} holds no file`)
  const dag = createFileDag()
  const cid = (await dag.build(files)).toString()
  const server = await serveDag(dag, listen)
  const { bytes, leaves, nodes } = dag.stats
  report.result(
    { url: server.url, cid, files: files.length, bytes, leaves, nodes },
    `serving ${files.length} files, ${formatBytes(bytes)}, at ${server.url}`,
    `CID ${cid}`,
    `a node fetches from here with: selvedge run --origin ${server.url}`,
  )
  await untilSignal()
  await server.stop()
}
