import type { ByteRange, Scope } from '@selvedge/verified-car'
import type { CID } from 'multiformats/cid'

export const CAR_TYPE = 'application/vnd.ipld.car'
export const RAW_TYPE = 'application/vnd.ipld.raw'

/** Format and parameters stand in the URL and in Accept: the URL makes shared caches safe, some gateways read only the other (ipfs.md §1.1). */
export function carUrl(gateway: string, cid: CID, scope: Scope, range: ByteRange | undefined): string {
  const parameters = new URLSearchParams({ format: 'car', 'dag-scope': scope, 'car-version': '1', 'car-order': 'dfs', 'car-dups': 'y' })
  const isWhole = range === undefined || (range.start === 0 && range.end === undefined)
  if (!isWhole) parameters.set('entity-bytes', entityBytesOf(range))
  return `${gateway}/ipfs/${cid}?${parameters.toString().replace('%3A', ':').replace('%2A', '*')}`
}

export const CAR_ACCEPT: string = `${CAR_TYPE}; version=1; order=dfs; dups=y`

export function rawUrl(gateway: string, cid: CID): string {
  return `${gateway}/ipfs/${cid}?format=raw`
}

/** Ours ends before `end`, theirs at it; an empty range is asked as its first byte, whose blocks the walk will not take. */
function entityBytesOf({ start, end }: ByteRange): string {
  return `${start}:${end === undefined ? '*' : Math.max(end - 1, start)}`
}

export interface CarType {
  readonly isCar: boolean
  /** Depth first with duplicates, as was asked; another order is tried, and not blamed when it does not fit. */
  readonly isOrdered: boolean
}

export function parseCarType(contentType: string): CarType {
  const [type = '', ...parameters] = contentType
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  const of = (name: string): string | undefined => parameters.find((part) => part.startsWith(`${name}=`))?.slice(name.length + 1)
  return { isCar: type === CAR_TYPE && (of('version') ?? '1') === '1', isOrdered: of('order') === 'dfs' && of('dups') === 'y' }
}

export function mediaTypeOf(contentType: string): string {
  return contentType.split(';')[0]!.trim().toLowerCase()
}
