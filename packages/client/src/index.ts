/**
 * Verified content from Selvedge nodes: ask by CID or by BLAKE3 root, get bytes that have been checked against exactly that.
 *
 * A node's word proves nothing here. A CID is checked block by block with the DAG's own CIDs, a root with its BLAKE3 tree.
 */
export { formatNodeAddress, parseNodeAddress, type NodeAddress, type WebSocketAddress } from './address.ts'
export { connectOverWebSocket } from './connect.ts'
export { createClient, type Client, type ClientOptions } from './client.ts'
export type { Entry, VerifiedBlock } from '@selvedge/verified-car'
export type { DistrustedNode } from './distrust.ts'
export type { Download, DownloadProgress, GetOptions, OpenDownload, VerifiedPart } from './download.ts'
export { ClientError, type ClientErrorCode } from './errors.ts'
export type { FetchOptions } from './fetch.ts'
export type { FetchAddress } from './guide.ts'
export { isFileName } from './names.ts'
export type { Connect, ConnectOptions, Goaway, LanePayer, LanePort, SessionPort } from './ports.ts'
export type { Cost, PayingAccount, PriceMax } from './purse.ts'
export type { Receipt } from '@selvedge/delivery-acknowledgement/client'
export type { Quote, QuoteOptions } from './quote.ts'
export type { ReceiveOptions, ReceiveResult, ReceivingSink } from './receive.ts'
export type { DownloadState } from './saved.ts'
export type { CidLike } from './target.ts'
export type { Tree, TreeEntry, TreeOptions, TreeProgress } from './tree.ts'
