/** Sessions over WebSocket, the node's end. */
export type { WebSocketDoor } from './carriers/websocket-server.ts'
