import { z } from 'zod';

/** Where a line comes from; `dea` is what the DEA itself tells about the instance. */
export type LogSource = 'stdout' | 'stderr' | 'dea';
/** The files of an instance that are streamed, in the order of their positions. */
export const LOG_SOURCES = ['stdout', 'stderr'] as const;
/** How far stdout.log and stderr.log were read, in bytes. */
export type Positions = [number, number];

/** A line before it got its number. */
export interface NewLine {
  source: LogSource;
  text: string;
  /** For `dea`: how many lines are missing here. */
  dropped?: number;
  /** How far the files were read once this line was. */
  at: Positions;
}

const positions = z.tuple([z.int().min(0), z.int().min(0)]);
/** One line of a spool file: a log line, or (without number) a new position after a file was cut. */
export const spoolLine = z.union([
  z.object({
    seq: z.int().positive(),
    /** Seconds since the epoch at which the DEA read it. */
    time: z.number(),
    source: z.enum(['stdout', 'stderr', 'dea']),
    text: z.string(),
    dropped: z.int().positive().optional(),
    at: positions,
  }),
  z.object({ at: positions }),
]);
/** A stored line. */
export type LogRecord = Extract<z.infer<typeof spoolLine>, { seq: number }>;
