/** What `selvedge get` is asked for, and what it is called on disk. The client reads paths; here only their last name is looked at. */
import { isFileName, type Client } from '@selvedge/client'
import { CID } from 'multiformats/cid'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { NodeError } from '../errors.ts'

export type AskedAddress =
  | { readonly kind: 'root'; readonly root: Uint8Array }
  | { readonly kind: 'cid'; readonly cid: CID }
  /** What it leads to, the client finds out. */
  | { readonly kind: 'path' }

/** @throws {NodeError} `NODE_USAGE` */
export function parseAddress(address: string): AskedAddress {
  if (/^[0-9a-fA-F]{64}$/.test(address)) return { kind: 'root', root: Uint8Array.from(Buffer.from(address, 'hex')) }
  if (address.includes('/')) return { kind: 'path' }
  const cid = cidOf(address)
  if (cid === undefined) throw new NodeError('NODE_USAGE', `"${address.slice(0, 120)}" is neither a CID nor a root of 64 hex digits`)
  return { kind: 'cid', cid }
}

export interface Located {
  readonly cid: CID
  readonly isFile: boolean
}

/**
 * What `address` leads to. That names the content for good, so that a download of it goes on in a later process, whatever led to it. Of the content
 * itself no byte is asked: its first block comes.
 * @throws {ClientError} as `client.get`; the reason of `signal`.
 */
export async function locate(client: Client, address: string, signal: AbortSignal): Promise<Located> {
  const download = await client.get(address, { range: { start: 0, end: 0 }, signal })
  download.close()
  return { cid: CID.parse(download.address), isFile: download.kind === 'file' }
}

/**
 * Where it is written: a file of a path goes into a folder under the last name of the path. A directory goes into the folder itself, so that
 * the same words go on with it, now that the folder is there.
 * @throws {NodeError} `NODE_OUTPUT` where a file has no name and `output` can be nothing but a folder.
 */
export async function placeOf(output: string, address: string, isFile: boolean): Promise<string> {
  const path = output.replace(/\/+$/, '') || '/'
  if (!isFile) return path
  const name = lastNameOf(address)
  const there = await stat(path).catch(() => undefined) // what cannot be looked at is told by the writing
  const isFolder = path !== output || there?.isDirectory() === true
  if (!isFolder) return output
  if (name === undefined) throw new NodeError('NODE_OUTPUT', `cannot write ${output}: it is a folder, and this is a file without a name`)
  return join(path, name)
}

/** Of an address that the client has followed; undefined where nothing stands behind the CID. */
export function lastNameOf(address: string): string | undefined {
  if (!address.includes('/')) return undefined
  const text = address.trim().replace(/[?#].*$/s, '')
  const label = /^https?:\/\/([0-9a-z]+)\.ipfs\./i.exec(text)?.[1]
  const isHost = /^ipfs:/i.test(text) || (label !== undefined && cidOf(label) !== undefined) // then the CID is what stands for the host
  const names = text.replace(isHost ? /^[a-z]+:\/\/[^/]+/i : /^(?:https?:\/\/[^/]+)?\/ipfs\/[^/]+/i, '')
  const last = names.replace(/\/$/, '').split('/').slice(1).at(-1)
  if (last === undefined) return undefined
  const name = decodeURIComponent(last)
  return isFileName(name) ? name : undefined
}

function cidOf(text: string): CID | undefined {
  try {
    return CID.parse(text).toV1()
  } catch {
    return undefined // whoever asks says what was expected
  }
}
