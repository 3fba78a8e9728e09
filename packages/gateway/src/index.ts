/**
 * The node as a trustless IPFS HTTP gateway: a pure handler from `Request` to `Response` over a block port.
 * `@selvedge/gateway/node` puts it on Node's HTTP server.
 *
 * @packageDocumentation
 */
export { GatewayError, type GatewayErrorCode } from './errors.ts'
export { createGateway, type Gateway, type GatewayComponents, type GatewayOptions } from './gateway.ts'
export type { GatewayQuestion, GatewayReply } from './reply.ts'
