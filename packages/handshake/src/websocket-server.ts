/** Sessions over WebSocket, the node's end. */
export {
  createWebSocketDoor,
  type WebSocketDoor,
  type WebSocketDoorComponents,
  type WebSocketDoorOptions,
} from './carriers/websocket-server.ts'
