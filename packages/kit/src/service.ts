/** Something with a life: started once, stopped once, quiet afterwards. */
export interface Service extends AsyncDisposable {
  /** Begins to work. Calling it again while it runs changes nothing. */
  start(): Promise<void>;
  /** Returns when nothing of it runs any more. Safe before `start` and any number of times. */
  stop(): Promise<void>;
}
