/*
 * Whose a span is, by its sweep generation.
 *
 * Models    central/sweep.ts: takeUnswept, claim, sweepOne, ensureSwept, publish, cacheSpan; central/mcentral.ts:
 *           spliceUnswept, popOwned; cache/mcache.ts: the way of a span from refill (#nextSpan) to endMarking; the fast path of
 *           free (malloc/fast.ts) and what follows it (malloc/free.ts: findObject, freeSlow; central/free-unowned.ts);
 *           cache/defer.ts: notes of other threads' frees, and taking them; gc/cycle.ts: sweep termination in `begin`,
 *           the new generation in `markTermination`.
 * Abstract  One span, of one slot as far as notes of frees are concerned: spans do not touch each other. No span becomes empty or
 *           is made. Marking takes no time: each cycle is one stop in which the rest is swept and the generation grows.
 *           Operations of a thread are regions without safepoints, the stop waits for their end (safepoint.pml).
 * Proved    A span is swept exactly once a cycle, and never by two at a time; no generation begins with a span that is
 *           unswept or half swept; nobody allocates from an unswept span or from one that another owns; free's fast path
 *           takes only spans that its thread owns in this generation, though owner and tag of earlier ones are still
 *           there; a note of a free is applied in the generation in which it was made, by the span's owner, its
 *           sweeper or under the lock.
 *
 * Broken    NO_TAG         SPAN_CACHE does not say of which generation it is
 *           TEST_AND_SET   ensureSwept tests and claims without the lock
 *           NO_WAIT        the generation grows without waiting for sweepers
 *           NO_SWEEP_TERM  the generation grows without sweeping the rest
 *           ONLY_G2        spans that were a thread's when the cycle ended (G+1) are not taken for unswept
 *           KEEP_NOTES     sweeping leaves notes of frees for later
 *           STALE_OWNER    whoever takes notes goes by an unswept span's owner
 *           EARLY          a swept span is published before it is on its list
 */
/* Operations of the two threads. */
#ifndef OPS_A
#define OPS_A 3
#endif
#ifndef OPS_B
#define OPS_B 1
#endif
#ifndef CYCLES
#define CYCLES 2
#endif
#define SPANS 1
/* Arrays have one more, for the moment in which a loop has passed the last. */
#define SLOTS 2
#define NOBODY 0
#define A 1
#define B 2
#define SWEEPER 3
#define COORDINATOR 4

/* H_SWEEPGEN. */
byte G = 4;
byte sweepgen[SLOTS];
byte owner[SLOTS];
/* SPAN_CACHE: the owner whose class record it names; and its two bits of the generation. */
byte cache[SLOTS], tag[SLOTS];
/* The list it is on: NONE, the swept or the unswept set of mcentral, its thread's. */
#define NONE 0
#define SWEPT 1
#define UNSWEPT 2
#define CACHED 3
byte list[SLOTS];
/* SPAN_DEFER: a free of the slot is noted; in which generation. REMOTE: spans on a thread's stack of noted spans. */
bool noted[SLOTS];
byte notedIn[SLOTS];
byte remote[3];
/* The mcentral lock: its owner. */
byte lock;
bool stopped;
bool inside[5];
/* Observer: who sweeps it now, how often it was swept in this generation. */
byte sweeping[SLOTS], swept[SLOTS];

#define TAG ((G >> 1) & 3)
#ifdef NO_TAG
#define FAST(s, me) (cache[s] == me)
#else
#define FAST(s, me) (cache[s] == me && tag[s] == TAG)
#endif
#ifdef ONLY_G2
#define IS_UNSWEPT(s) (sweepgen[s] == G - 2)
#else
#define IS_UNSWEPT(s) (sweepgen[s] == G - 2 || sweepgen[s] == G + 1)
#endif
#define OWNED(s, me) (sweepgen[s] == G + 3 && owner[s] == me)

inline enter(me) { atomic { !stopped -> inside[me] = true } }
inline leave(me) { inside[me] = false }
inline acquire(me) { atomic { lock == 0 -> lock = me } }
inline unlock() { lock = 0 }

/* Off its set and the caller's. Lock held. */
inline claim(s, me) {
  atomic { list[s] = NONE; owner[s] = me };
  cache[s] = NOBODY;
  sweepgen[s] = G - 1
}

/* sweepBits: two steps, with nobody else at it. */
inline sweepBits(s, me) {
  atomic { assert(sweeping[s] == 0); assert(swept[s] == 0); assert(sweepgen[s] == G - 1); sweeping[s] = me };
#ifndef KEEP_NOTES
  noted[s] = false;
#endif
  atomic { assert(sweeping[s] == me); sweeping[s] = 0; swept[s]++ }
}

inline publish(s, me) {
#ifdef EARLY
  sweepgen[s] = G;
  owner[s] = NOBODY;
  acquire(me);
#else
  acquire(me);
  sweepgen[s] = G;
  owner[s] = NOBODY;
#endif
  list[s] = SWEPT;
  unlock()
}

/* The first span of the unswept set, claimed; SPANS if there is none. */
inline takeUnswept(s, me) {
  acquire(me);
  if
  :: list[0] == UNSWEPT -> s = 0
  :: list[0] != UNSWEPT -> s = SPANS
  fi;
#ifdef ONLY_G2
  if :: s < SPANS && !IS_UNSWEPT(s) -> s = SPANS :: else fi;
#endif
  if :: s < SPANS -> claim(s, me) :: else fi;
  unlock()
}

/* cacheSpan: a swept span, else an unswept one, which the thread keeps or, if it is full, publishes. */
inline refill(me) {
  acquire(me);
  if
  :: list[0] == SWEPT -> s = 0
  :: list[0] != SWEPT -> s = SPANS
  fi;
  if :: s < SPANS -> atomic { list[s] = NONE; owner[s] = me } :: else fi;
  unlock();
  if
  :: s < SPANS
  :: s == SPANS ->
    takeUnswept(s, me);
    if
    :: s < SPANS ->
      sweepBits(s, me);
      if
      :: sweepgen[s] = G
      :: publish(s, me); s = SPANS
      fi
    :: else
    fi
  fi;
  if
  :: s < SPANS ->
    atomic { cache[s] = me; tag[s] = TAG };
    sweepgen[s] = G + 3;
    list[s] = CACHED;
    mine = s;
    mineIn = G
  :: else
  fi
}

/* Until the span is swept: sweeps it, or waits for the one who does. */
inline ensureSwept(s, me) {
  do
  :: sweepgen[s] == G || sweepgen[s] == G + 3 -> break
#ifdef ONLY_G2
  :: sweepgen[s] == G + 1 -> break
#endif
  :: IS_UNSWEPT(s) ->
#ifdef TEST_AND_SET
    claim(s, me);
    sweepBits(s, me);
    publish(s, me)
#else
    acquire(me);
    if
    :: IS_UNSWEPT(s) -> claim(s, me); unlock(); sweepBits(s, me); publish(s, me)
    :: else -> unlock()
    fi
#endif
  od
}

/* free of an object in the span; another thread's span: a note. */
inline free(s, me) {
  if
  :: FAST(s, me) -> assert(OWNED(s, me))
  :: !FAST(s, me) ->
    if :: IS_UNSWEPT(s) -> ensureSwept(s, me) :: !IS_UNSWEPT(s) fi;
    do
    :: atomic { held = owner[s];
        if
        :: held == me && sweeping[s] == 0 -> assert(sweepgen[s] == G + 3 || sweepgen[s] == G)
        :: else
        fi
      };
      if
      :: held == me -> break
      :: held == NOBODY ->
        /* freeUnowned. */
        acquire(me);
        if
        :: owner[s] == NOBODY -> assert(sweepgen[s] == G && list[s] == SWEPT); unlock(); break
        :: else -> unlock()
        fi
      :: held != me && held != NOBODY ->
        atomic { noted[s] = true; notedIn[s] = G };
        if :: held <= B -> atomic { remote[held] = remote[held] | (1 << s) } :: else fi;
        break
      fi
    od;
    held = NOBODY
  fi
}

/* drainDeferred: this thread takes the notes of its spans. */
inline takeNotes(me) {
  atomic { got = remote[me]; remote[me] = 0 };
  s = 0;
  do
  :: s < SPANS && (got & (1 << s)) == 0 -> s++
  :: s < SPANS && (got & (1 << s)) != 0 ->
    if
#ifndef STALE_OWNER
    :: IS_UNSWEPT(s) -> skip
    :: owner[s] == me && !IS_UNSWEPT(s) ->
#else
    :: owner[s] == me ->
#endif
      atomic {
        assert(OWNED(s, me));
        assert(!noted[s] || notedIn[s] == G);
        noted[s] = false
      }
    :: owner[s] != me
    fi;
    s++
  :: s == SPANS -> break
  od;
  s = 0; got = 0
}

#define OPS (me == A -> OPS_A : OPS_B)
proctype Thread(byte me) {
  byte n, s, mine = SPANS, mineIn, held, got;
  do
  :: n < OPS ->
    n++;
    enter(me);
    /* A new generation has taken its span away. */
    if :: mine < SPANS && mineIn != G -> mine = SPANS :: else fi;
    if
    :: mine == SPANS -> refill(me)
    :: mine < SPANS -> atomic { assert(OWNED(mine, me)); assert(swept[mine] == 1) }
    :: free(0, me)
    :: takeNotes(me)
    fi;
    s = 0;
    leave(me)
  :: n == OPS -> break
  od;
  mine = 0; mineIn = 0; n = 0
}

/* The background worker, between two stops. */
proctype Sweeper() {
  byte s;
end:
  do
  :: atomic { !stopped && list[0] == UNSWEPT -> inside[SWEEPER] = true };
    takeUnswept(s, SWEEPER);
    if :: s < SPANS -> sweepBits(s, SWEEPER); publish(s, SWEEPER) :: else fi;
    s = 0;
    leave(SWEEPER)
  od
}

proctype Coordinator() {
  byte n, s;
  do
  :: n < CYCLES ->
    n++;
    stopped = true;
#ifndef NO_WAIT
    !inside[A] && !inside[B] && !inside[SWEEPER];
#endif
    /* Sweep termination. */
#ifndef NO_SWEEP_TERM
    do
    :: takeUnswept(s, COORDINATOR);
      if
      :: s < SPANS -> sweepBits(s, COORDINATOR); publish(s, COORDINATOR)
      :: s == SPANS -> break
      fi
    od;
#endif
    atomic {
      s = 0;
      do
      :: s < SPANS ->
        assert(sweepgen[s] == G || sweepgen[s] == G + 3);
        assert(swept[s] == 1);
        assert(list[s] == SWEPT || list[s] == CACHED);
        /* spliceUnswept: nothing in the span's record changes. */
        list[s] = UNSWEPT;
        swept[s] = 0;
        s++
      :: s == SPANS -> break
      od;
      s = 0;
      G = G + 2;
      stopped = false
    }
  :: n == CYCLES -> break
  od
}

init {
  atomic {
    sweepgen[0] = G - 2; list[0] = UNSWEPT;
    run Thread(A);
    run Thread(B);
    run Sweeper();
    run Coordinator()
  }
}
