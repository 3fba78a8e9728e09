/**
 * A small WebM writer: one VP8 key frame a cluster, and cues before them, so that a player finds any time with one look at the file's head.
 * Lengths are written in eight bytes throughout, which makes every place known before the frames are there.
 */

/** An element's identifier, as it stands in the file. */
type Id = readonly number[]

const ids = {
  ebml: [0x1a, 0x45, 0xdf, 0xa3],
  docType: [0x42, 0x82],
  docTypeVersion: [0x42, 0x87],
  docTypeReadVersion: [0x42, 0x85],
  segment: [0x18, 0x53, 0x80, 0x67],
  info: [0x15, 0x49, 0xa9, 0x66],
  timestampScale: [0x2a, 0xd7, 0xb1],
  duration: [0x44, 0x89],
  muxingApp: [0x4d, 0x80],
  writingApp: [0x57, 0x41],
  tracks: [0x16, 0x54, 0xae, 0x6b],
  trackEntry: [0xae],
  trackNumber: [0xd7],
  trackUid: [0x73, 0xc5],
  trackType: [0x83],
  codecId: [0x86],
  video: [0xe0],
  pixelWidth: [0xb0],
  pixelHeight: [0xba],
  cues: [0x1c, 0x53, 0xbb, 0x6b],
  cuePoint: [0xbb],
  cueTime: [0xb3],
  cueTrackPositions: [0xb7],
  cueTrack: [0xf7],
  cueClusterPosition: [0xf1],
  cluster: [0x1f, 0x43, 0xb6, 0x75],
  timestamp: [0xe7],
  simpleBlock: [0xa3],
} as const satisfies Record<string, Id>

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.length
  }
  return out
}

function headOf(id: Id, length: number): Uint8Array {
  const size = new Uint8Array(8)
  new DataView(size.buffer).setBigUint64(0, (1n << 56n) | BigInt(length))
  return joined([Uint8Array.from(id), size])
}

function element(id: Id, ...content: readonly Uint8Array[]): Uint8Array {
  const body = joined(content)
  return joined([headOf(id, body.length), body])
}

function uint(id: Id, value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value))
  return element(id, bytes)
}

function float(id: Id, value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, value)
  return element(id, bytes)
}

const text = (id: Id, value: string): Uint8Array => element(id, new TextEncoder().encode(value))

export interface Film {
  readonly width: number
  readonly height: number
  readonly frameMs: number
  readonly frameCount: number
  /** Frame i is keyFrames[i % keyFrames.length]. */
  readonly keyFrames: readonly Uint8Array[]
}

export interface WrittenFilm {
  readonly bytes: Uint8Array
  /** Where the picture of a frame begins in the file, and its length. */
  frameAt(index: number): { readonly offset: number; readonly length: number }
}

export function writeWebm({ width, height, frameMs, frameCount, keyFrames }: Film): WrittenFilm {
  const frameOf = (index: number): Uint8Array => keyFrames[index % keyFrames.length]!
  const info = element(
    ids.info,
    uint(ids.timestampScale, 1_000_000),
    float(ids.duration, frameMs * frameCount),
    text(ids.muxingApp, 'test'),
    text(ids.writingApp, 'test'),
  )
  const video = element(ids.video, uint(ids.pixelWidth, width), uint(ids.pixelHeight, height))
  const entry = element(
    ids.trackEntry,
    uint(ids.trackNumber, 1),
    uint(ids.trackUid, 1),
    uint(ids.trackType, 1),
    text(ids.codecId, 'V_VP8'),
    video,
  )
  const tracks = element(ids.tracks, entry)

  const clusterHead = (index: number): Uint8Array => {
    const blockBytes = 4 + frameOf(index).length // track, time within the cluster, flags: a key frame
    const inside = joined([uint(ids.timestamp, index * frameMs), headOf(ids.simpleBlock, blockBytes), Uint8Array.of(0x81, 0, 0, 0x80)])
    return joined([headOf(ids.cluster, inside.length + frameOf(index).length), inside])
  }
  const cuesOf = (positions: readonly number[]): Uint8Array => {
    const point = (position: number, index: number): Uint8Array =>
      element(
        ids.cuePoint,
        uint(ids.cueTime, index * frameMs),
        element(ids.cueTrackPositions, uint(ids.cueTrack, 1), uint(ids.cueClusterPosition, position)),
      )
    return element(ids.cues, ...positions.map(point))
  }

  const heads = Array.from({ length: frameCount }, (_, i) => clusterHead(i))
  let at = info.length + tracks.length + cuesOf(heads.map(() => 0)).length
  const positions = heads.map((head, i) => {
    const position = at
    at += head.length + frameOf(i).length
    return position
  })
  const ebml = element(ids.ebml, text(ids.docType, 'webm'), uint(ids.docTypeVersion, 4), uint(ids.docTypeReadVersion, 2))
  const segmentHead = headOf(ids.segment, at)
  const bytes = joined([ebml, segmentHead, info, tracks, cuesOf(positions), ...heads.flatMap((head, i) => [head, frameOf(i)])])
  const base = ebml.length + segmentHead.length
  return { bytes, frameAt: (index) => ({ offset: base + positions[index]! + heads[index]!.length, length: frameOf(index).length }) }
}
