/** Sessions over WebSocket, the client's end: for pages, and for Node.js where TLS does not pass. */
export { connectWebSocket, type WebSocketOptions } from './carriers/websocket-carrier.ts'
