/** Stable: scripts may switch on them in `--json` output. */
export type NodeErrorCode =
  | 'NODE_USAGE' // wrong use of the command line: exit code 2
  | 'NODE_KEY_FILE' // the key file cannot be read, is not a key, may be read by others, its passphrase is missing or wrong, or the registry has another
  | 'NODE_PASSPHRASE' // the passphrase of the keys cannot be read, is empty, or its file may be read by others
  | 'NODE_CLAIM_FILE' // what a claim is proven with was changed on disk since this node wrote it
  | 'NODE_PIN_FILE' // the list of what is kept for whom is another's, of another version, or was damaged
  | 'NODE_DATA_FOLDER' // a file of the data folder cannot be written: a full disk, or a folder of somebody else
  | 'NODE_FILE_CHANGED' // a file that is served is not what it was when its DAG was built
  | 'NODE_NOT_FOUND' // a block that no served file holds
  | 'NODE_LISTEN' // the address to listen on is taken or not ours
  | 'NODE_OUTPUT' // what was fetched cannot be put where it was wanted
  | 'NODE_TOO_LARGE' // what is fetched is larger than was allowed: no more of it is taken
  | 'NODE_BAD_NAME' // a name in a directory that would leave the output folder
  | 'NODE_TOO_OLD' // the ledger's rules are newer than this node: it stopped before it could execute a block wrongly
  | 'NODE_LEFT_BEHIND' // an archive was away for longer than its sources keep blocks
  | 'NODE_RPC' // the node that was asked over JSON-RPC did not answer, or not as a node of a ledger
  | 'NODE_REFUSED' // the ledger refuses a transaction, or executed it and it failed: `details.code` says why
  | 'NODE_UNPROVEN' // the node that was asked has no proof for what it says, or one that does not check
  | 'NODE_DISCOVERY' // a discovery document would take the place of a newer one, or name no node that clients can use
  | 'NODE_BUSY' // the data folder is in use by a running node that cannot be reached

/** The one error class of this application. */
export class NodeError extends Error {
  override readonly name = 'NodeError'
  readonly code: NodeErrorCode
  readonly details: Readonly<Record<string, number | string>>
  constructor(code: NodeErrorCode, message: string, details: Readonly<Record<string, number | string>> = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.details = details
  }
}
