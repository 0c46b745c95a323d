/**
 * Special record (Go: `special` and what embeds it): something that is noted of one address inside of an object, and to
 * be done when the object dies. The records of a span are a list from SPAN_SPECIALS on, sorted by address and kind.
 *
 * All words are guarded by H_SPECIALS_LOCK, except that the serial of a weak pointer is written atomically, and read by
 * anybody. Who has the lock publishes a record, and takes one off its list, with one store: whenever a thread dies, the
 * lists can be walked.
 *
 * What the words from 3 on mean depends on the kind:
 *
 *              3            4             5               6               7
 *   callbacks  proc         its epoch     its callback    next in queue
 *   weak       serial, low  serial, high
 *   interned   serial, low  serial, high  bytes of text   hash of text    next in bucket
 *   profile    bucket
 */

/** Next record of the span. The link of the free list as well. */
export const SPECIAL_NEXT = 0;
/** Byte address that it was made for. */
export const SPECIAL_ADDR = 1;
/** One of the KIND_ values. */
export const SPECIAL_KIND = 2;

/** The thread that registered the callback, and the attachment of its record: layout/proc.ts. */
export const SPECIAL_PROC = 3;
export const SPECIAL_EPOCH = 4;
/** Which of that thread's callbacks it is. */
export const SPECIAL_ID = 5;
/** Next record in the queue of that thread. */
export const SPECIAL_QUEUE_NEXT = 6;

/** What a weak pointer knows its record by: no two records ever have the same number. 0: the object is dead. */
export const SPECIAL_SERIAL = 3;
export const SPECIAL_SERIAL_HIGH = 4;
/** Set in all high words, so that no epoch of a thread looks like one. */
export const SERIAL_TAG = 0x40000000;

/** Interned text: the object's bytes that are the text, their hash, the next text in the same bucket. */
export const SPECIAL_BYTES = 5;
export const SPECIAL_HASH = 6;
export const SPECIAL_BUCKET_NEXT = 7;

/** A sampled object: its bucket of the heap profile (layout/profile.ts). */
export const SPECIAL_PROFILE_BUCKET = 3;

export const SPECIAL_WORDS = 8;

/** In the free list, or about to be. */
export const KIND_NONE = 0;
/** Go: `_KindSpecialFinalizer`. */
export const KIND_FINALIZER = 1;
/** A finalizer that has been queued: its object lives until the thread has called it. In list and queue both. */
export const KIND_PENDING = 2;
/** Go: `_KindSpecialWeakHandle`. */
export const KIND_WEAK = 3;
/** Bytes that interned text is made of; a weak pointer as well. */
export const KIND_INTERNED = 4;
/** Go: `_KindSpecialCleanup`. In a list while its object lives, in a queue afterwards. */
export const KIND_CLEANUP = 5;
/** Only in queues: the callback was removed by another thread, or its object was freed by hand. It is to be forgotten. */
export const KIND_DROPPED = 6;

/** An object that the heap profile has sampled (Go: `_KindSpecialProfile`): its death is counted. Keeps nothing alive. */
export const KIND_PROFILE = 7;

export const KIND_NAMES = [
  'none',
  'finalizer',
  'pending finalizer',
  'weak',
  'interned',
  'cleanup',
  'dropped',
  'profile',
];
