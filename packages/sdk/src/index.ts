/**
 * What the author of a service imports. A service sees a node through four ports (`content`, `session`, `meter`, `log`) and answers a request with a
 * handle, never with content: the node streams from its own store, and what a client acknowledges is bound to what was stored.
 */
export { type Address, checkAddress, isSameAddress } from './address.ts'
export { decodeServiceAnswer, encodeServiceAnswer, type ServiceAnswer } from './answer.ts'
export {
  ADDRESS_BYTES_MAX,
  LOG_LINE_BYTES_MAX,
  NAME_BYTES_MAX,
  OPENS_MAX,
  SPANS_MAX,
  WORTH_ADDRESSES_MAX,
} from './constants.ts'
export { SdkError, type SdkErrorCode } from './errors.ts'
export { decodeHandle, encodeHandle, type Handle, type PriceClass, type Scope } from './handle.ts'
export { type AnswerOptions, createServiceHost, type HostAnswer, type ServiceHost, type ServiceHostOptions } from './host.ts'
export type { HostPorts } from './host-ports.ts'
export type {
  ContentFacts,
  ContentPort,
  ContentStat,
  LogLevel,
  LogPort,
  MeterPort,
  OpenContentOptions,
  OpenedContent,
  PinState,
  ServiceContext,
  ServiceRequest,
  Session,
  Usage,
} from './ports.ts'
export { type ContentHandler, createService, type Service, type WorthHandler } from './service.ts'
export { ALL_CHUNKS, checkSpans, type ChunkSpan } from './spans.ts'
export {
  createTestExecutor,
  type TestContent,
  type TestExecutor,
  type TestExecutorOptions,
  type TestRequestOptions,
} from './test-executor.ts'
