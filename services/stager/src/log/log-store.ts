/** What a store knows about one task's log. */
export interface StoredLog {
  readonly token: string;
  readonly complete: boolean;
  /** Bytes from the asked offset on. */
  readonly bytes: Buffer;
}

/** Where the stagers share logs and leases; every call may reject when the store is away. */
export interface LogStore {
  /** Makes the log known with its token; it is kept for one day. */
  open(taskId: string, token: string): Promise<void>;
  /** Puts bytes at their offset: saying it twice changes nothing. */
  write(taskId: string, offset: number, bytes: Buffer): Promise<void>;
  /** Says that nothing more will come. */
  complete(taskId: string): Promise<void>;
  /** Undefined: no such task. */
  read(taskId: string, offset: number): Promise<StoredLog | undefined>;
  /** Says that the task is being worked on, for the next 15 s. */
  lease(taskId: string, owner: string): Promise<void>;
  /** Ends the lease. */
  release(taskId: string): Promise<void>;
}
