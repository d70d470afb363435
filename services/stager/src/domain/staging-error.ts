/** The closed table of staging failures; `type` is what `error_info.type` of reply 2 carries. */
export type StagingErrorType =
  | 'BadRequest'
  | 'TooManyTasks'
  | 'NoAppDetectedError'
  | 'DownloadFailed'
  | 'BadArchive'
  | 'CompileFailed'
  | 'OutOfMemory'
  | 'OutOfDisk'
  | 'OutOfProcesses'
  | 'PackFailed'
  | 'UploadFailed'
  | 'StagingTimeout'
  | 'TaskStopped'
  | 'StagerShutdown'
  | 'StagingError';

/** An expected end of a staging task; `message` is shown to the user as it is. */
export class StagingError extends Error {
  override readonly name = 'StagingError';
  readonly type: StagingErrorType;

  constructor(type: StagingErrorType, message: string, options?: ErrorOptions) {
    super(message, options);
    this.type = type;
  }
}

/** Any thrown thing as a {@link StagingError}; the cause is kept. */
export const toStagingError = (error: unknown): StagingError =>
  error instanceof StagingError
    ? error
    : new StagingError('StagingError', error instanceof Error ? error.message : String(error), {
        cause: error,
      });
