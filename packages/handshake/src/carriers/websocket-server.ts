/** The node's door for sessions over WebSocket. */
export interface WebSocketDoor {
  start(): Promise<{ readonly host: string; readonly port: number }>
  /** Takes nobody else; sessions end with their server. May be called twice. */
  stop(): Promise<void>
}
