import { badRequest, GatewayError } from './errors.ts'

export type Format = 'raw' | 'car'

export interface Negotiated {
  readonly format: Format
  /** Whether the URL alone would have given another answer, so that caches must be told its canonical form. */
  readonly isFromAccept: boolean
}

export const MEDIA_TYPES: Readonly<Record<Format, string>> = { raw: 'application/vnd.ipld.raw', car: 'application/vnd.ipld.car' }

interface MediaRange {
  readonly type: string
  readonly quality: number
  readonly parameters: ReadonlyMap<string, string>
}

/**
 * `?format=` wins over `Accept` (ipfs.md §1.1: that makes shared caches safe); without either nothing is served, for a
 * gateway that serves proofs only must not guess.
 *
 * @throws {GatewayError} `GATEWAY_BAD_REQUEST` for an unknown format or parameter, or no Accept at all; `GATEWAY_NOT_ACCEPTABLE`
 */
export function negotiateFormat(parameters: URLSearchParams, accept: string | null): Negotiated {
  const ranges = parseAccept(accept ?? '')
  const wanted = ranges.find(({ type, quality }) => quality > 0 && (type === MEDIA_TYPES.raw || type === MEDIA_TYPES.car))
  const accepted: Format | undefined = wanted && (wanted.type === MEDIA_TYPES.raw ? 'raw' : 'car')
  const asked = parameters.get('format')
  if (asked !== null && asked !== 'raw' && asked !== 'car')
    throw badRequest(`format ${JSON.stringify(asked)} is not served, only raw and car are`)
  const format = asked ?? accepted
  const hint = 'ask with ?format=raw or ?format=car, or with Accept'
  if (format === undefined && accept === null) throw badRequest(`a format is needed: ${hint}`)
  if (format === undefined)
    throw new GatewayError('GATEWAY_NOT_ACCEPTABLE', `only ${MEDIA_TYPES.raw} and ${MEDIA_TYPES.car} are served: ${hint}`)
  if (format === 'car') checkCarParameters(parameters, accepted === 'car' ? wanted!.parameters : new Map())
  return { format, isFromAccept: asked === null || (accepted !== undefined && accepted !== asked) }
}

/** Order and duplicates need no choice: depth-first with duplicates is an answer to every wish, and the answer's type says so. */
function checkCarParameters(parameters: URLSearchParams, accepted: ReadonlyMap<string, string>): void {
  const of = (name: string): string | undefined => parameters.get(`car-${name}`) ?? accepted.get(name)
  const version = of('version') ?? '1'
  if (version !== '1') throw badRequest(`CAR version ${JSON.stringify(version)} is not served, only 1 is`)
  const order = of('order') ?? 'dfs'
  if (order !== 'dfs' && order !== 'unk') throw badRequest(`CAR order ${JSON.stringify(order)} is not known, dfs and unk are`)
  const dups = of('dups') ?? 'y'
  if (dups !== 'y' && dups !== 'n') throw badRequest(`CAR dups must be y or n, got ${JSON.stringify(dups)}`)
}

/** Best first; equal ones as they stand. */
function parseAccept(accept: string): MediaRange[] {
  const ranges = accept.split(',').map((item): MediaRange => {
    const [type = '', ...rest] = item.split(';').map((part) => part.trim().toLowerCase())
    const parameters = new Map(rest.map((part) => part.split('=', 2)).map(([name = '', value = '']) => [name.trim(), value.trim()]))
    const quality = Number(parameters.get('q') ?? 1)
    return { type, quality: Number.isNaN(quality) ? 0 : quality, parameters }
  })
  return ranges.sort((a, b) => b.quality - a.quality)
}
