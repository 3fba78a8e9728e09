/**
 * What a command says: results on stdout, everything else on stderr. With `--json` a result is one line of JSON.
 */
export interface Report {
  readonly isJson: boolean
  /** Whether no result had `ok: false`. */
  readonly isOk: boolean
  /** A line for people; nothing with `--json`. */
  say(line: string): void
  /** A result: its fields with `--json`, else its lines. */
  result(fields: Readonly<Record<string, unknown>>, ...lines: string[]): void
}

export function createReport(isJson: boolean): Report {
  const write = (line: string): void => void process.stdout.write(`${line}\n`)
  let isOk = true
  return {
    isJson,
    get isOk() {
      return isOk
    },
    say: (line) => {
      if (!isJson) write(line)
    },
    result: (fields, ...lines) => {
      if (fields.ok === false) isOk = false
      if (isJson) write(JSON.stringify(fields))
      else for (const line of lines) write(line)
    },
  }
}
