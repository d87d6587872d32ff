/**
 * What is on the disk of a retained log when its host starts: every block is opened once. The tail that a crash has torn is cut
 * off; damage anywhere else is told, and nothing from there on may be used.
 */
import { readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { BLOCK_MOST, segmentName, segmentPositions } from './segment-file.ts';
import { type LogIdentity, READ_AHEAD_BYTES, SegmentReader } from './segment-reader.ts';

/** All of it without what is unusable. */
export interface RetainedContent {
  segments: number;
  /** Of the files. */
  bytes: number;
  /** Of the first byte that is kept; as `toPosition` when nothing is. */
  fromPosition: number;
  /** After the last byte that may be used: a reader is not to go beyond. */
  toPosition: number;
  /** 0 when nothing is kept. */
  epoch: number;
  /** Of the torn tail. */
  cutBytes: number;
  /** What else is wrong, for the operator; '' when nothing is. */
  problem: string;
}

/** Verifies the log in a directory; one that is missing is an empty log. Never throws for what it finds there. */
export function openRetained(directory: string, identity: LogIdentity): RetainedContent {
  const content = { segments: 0, bytes: 0, fromPosition: 0, toPosition: 0, epoch: 0, cutBytes: 0, problem: '' };
  try {
    const starts = segmentPositions(readdirSync(directory));
    const ahead = new Uint8Array(READ_AHEAD_BYTES);
    const target = new Uint8Array(BLOCK_MOST);
    for (const [index, start] of starts.entries()) {
      const isLast = index === starts.length - 1;
      content.problem = verify(directory, start, identity, isLast, content, ahead, target);
      if (content.problem !== '') break;
    }
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return content;
    content.problem = `${directory} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`;
  }
  return content;
}

/** Adds a segment to the content. @returns what is wrong with it, or ''. */
function verify(
  directory: string,
  start: number,
  identity: LogIdentity,
  isLast: boolean,
  content: RetainedContent,
  ahead: Uint8Array,
  target: Uint8Array,
): string {
  const file = path.join(directory, segmentName(start));
  const opened = SegmentReader.open(directory, start, identity, ahead);
  if (!opened.ok) {
    if (!opened.torn || !isLast) return opened.reason;
    content.cutBytes = statSync(file).size;
    rmSync(file);
    return '';
  }
  const { segment } = opened;
  try {
    if (content.segments > 0 && (segment.head.epoch !== content.epoch || start < content.toPosition)) {
      return `${file}: it is left from another log`;
    }
    while (segment.next(target, Number.POSITIVE_INFINITY) > 0);
    if (content.segments === 0) content.fromPosition = start;
    content.epoch = segment.head.epoch;
    content.segments++;
    content.bytes += segment.bytesRead;
    content.toPosition = segment.position;
    const torn = segment.tornBytes();
    if (torn < 0) return segment.problem || `${file}: something follows the end`;
    if (!isLast) return segment.ended ? '' : segment.problem || `${file}: its end is missing`;
    if (torn > 0) truncateSync(file, segment.bytesRead);
    content.cutBytes = torn;
    return '';
  } finally {
    segment.close();
  }
}
