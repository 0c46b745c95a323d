/*
 * Mark termination: concurrent marking of a graph that mutators change, from the snapshot to the end of the mark phase.
 *
 * Models    src/gc: mark setup (snapshot of the shadow stacks, root jobs), the markers' drain, the flush of barrier
 *           buffers, mark termination (ragged barrier, second check with the world stopped) and rescan;
 *           gc/barrier.ts: storePointer, casPointer; threads/handles.ts: add and remove; raw free while marking;
 *           threads/reap.ts: a thread that dies while marking.
 * Abstract  Stopping the world is a flag and a wait until all regions have ended (safepoint.pml proves that step).
 *           An object has one pointer. Work lists, private stacks and barrier buffers are sets of objects; a buffer may
 *           be flushed at any safepoint, not only when it is full. All named roots are one cell, the handle table is
 *           one slot of mutator 0. The mutators perform OPS0 and OPS1 operations (a few), in every order, with every operand.
 * Proved    When the mark phase ends, every object that can be reached from a stack, the handle or the named root is
 *           marked, and nothing is left in a buffer, a private stack, a work list or the root jobs.
 *
 * Features  KILL  a second marker, which may die at any step: with objects in its private stack, with a piece of the
 *                 snapshot in its hand, in a root job
 *           DIE   mutator 0 may die at any step
 *           FREE  the program may free an object that nothing refers to any more
 * Broken    NO_DELETION         the barrier reports the new value only
 *           ALLOC_WHITE         objects are allocated unmarked
 *           NO_STW_FLUSH        the second check does not flush the barrier buffers
 *           NO_SECOND_CHECK     the phase ends after a ragged barrier that found nothing
 *           IGNORE_MARKERS      the second check does not ask whether somebody is marking (an assist that was stopped)
 *           HANDLE_UNSHADED     a handle is removed without being reported
 *           RESCAN_MARKED_ONLY  (KILL) after a marker's death marked objects are looked at again, but not the roots
 *           LOG_AFTER_STORE     (DIE) the barrier reports after the store
 *           FREE_REUSED         (FREE) a slot that was freed while marking is handed out again in the same cycle
 */
#ifndef OPS0
#define OPS0 2
#endif
#ifndef OPS1
#define OPS1 1
#endif

#define NIL 0
#define BIT(o) ((1 << (o)) & ~1)
#define FIRST(set) ((set) & 2 -> 1 : ((set) & 4 -> 2 : 3))

/* Threads. W starts the cycle, marks and ends it; mutator 1 assists. */
#define M0 0
#define M1 1
#define W 2
#define W2 3

/* What holds a pointer: the field of each object (1, 2, 3), the named root, the handle. */
#define ROOT 4
#define HANDLE 5
byte cell[6];
/* Objects that are allocated; the third is not at first. */
byte alloc = BIT(1) | BIT(2);
/* Freed while marking: not handed out before the cycle has ended. */
byte held;
byte stack[3];

byte marked;
/* Grey objects on the shared list, and addresses of the snapshot, which are not marked yet. */
byte shared, snapshot;
byte private[4];
byte buffer[2];
/* Root jobs that nobody has claimed. */
byte jobs;
/* H_GC_PHASE is mark; H_WRITE_BARRIER is the same. */
bool marking, ended;
/* H_MARKERS. */
byte markers;

bool world, stopped;
bool inside[4], gone[4], reaped[4], counted[4];

#define MAYRUN (!stopped)
#define ALLOUT(me) ((me == M0 || !inside[M0]) && (me == M1 || !inside[M1]) && (me == W || !inside[W]) && (me == W2 || !inside[W2]))
#define UNREAPED ((gone[M0] && !reaped[M0]) || (gone[W2] && !reaped[W2]))
#define WORK (shared != 0 || snapshot != 0 || jobs != 0)
#define STACKBITS (BIT(stack[0]) | BIT(stack[1]) | BIT(stack[2]))

/* Everybody but `me` is outside, and nobody is dead and not reaped. */
inline stop(me) {
  do
  :: atomic { !world && !UNREAPED -> world = true; stopped = true };
    ALLOUT(me);
    if
    :: atomic { UNREAPED -> stopped = false; world = false }
    :: !UNREAPED -> break
    fi
  od;
  skip
}
inline start() { atomic { stopped = false; world = false } }

/* The roots as they are now. World stopped. */
inline takeRoots() {
  snapshot = snapshot | STACKBITS;
  jobs = BIT(ROOT) | BIT(HANDLE)
}

/* Shades what a barrier buffer holds. One step: by its owner between two safepoints, or while the owner is stopped. */
inline flush(m) {
  shared = shared | (buffer[m] & ~marked);
  marked = marked | buffer[m];
  buffer[m] = 0
}

/* What the pointer barrier does before a store. */
inline report(m, slot, value) {
  if
  :: marking ->
#ifdef NO_DELETION
    buffer[m] = buffer[m] | BIT(value)
#else
    buffer[m] = buffer[m] | BIT(cell[slot]) | BIT(value)
#endif
  :: else
  fi
}

#ifdef KILL
#define markerDies(m) if :: m == W2 -> goto died :: true fi
#else
#define markerDies(m) skip
#endif

/* storePointer: its first step. Before the second another thread may change the same cell, and markers may read it. */
inline writePointer(m, at, what) {
  inside[m] = true; slot = at; value = what;
#ifdef LOG_AFTER_STORE
  old = cell[slot]; cell[slot] = value;
#else
  report(m, slot, value)
#endif
}
inline finishStore(m) {
  atomic {
#ifdef LOG_AFTER_STORE
    if :: marking -> buffer[m] = buffer[m] | BIT(old) | BIT(value) :: else fi;
    old = NIL;
#else
    cell[slot] = value;
#endif
    inside[m] = false; slot = NIL; value = NIL
  }
}

/* Whether the stack slot that holds it is the only reference to an object. */
inline count(o) {
  refs = (cell[ROOT] == o) + (cell[HANDLE] == o) + (stack[0] == o) + (stack[1] == o) + (stack[2] == o);
  if :: alloc & 2 -> refs = refs + (cell[1] == o) :: else fi;
  if :: alloc & 4 -> refs = refs + (cell[2] == o) :: else fi;
  if :: alloc & 8 -> refs = refs + (cell[3] == o) :: else fi
}

/* One operation of the program, with everything chosen freely. Mutator 1 has one stack slot, mutator 0 two. */
inline operate(m) {
  atomic {
    MAYRUN -> n++;
    if :: x = 2 * m :: m == M0 -> x = 1 fi;
    if :: y = 2 * m :: m == M0 -> y = 1 fi;
    if
    :: stack[x] = cell[ROOT]
    :: stack[y] != NIL -> stack[x] = cell[stack[y]]
    :: stack[x] = NIL
    :: cell[ROOT] != stack[x] -> writePointer(m, ROOT, stack[x])
    :: cell[ROOT] != NIL -> writePointer(m, ROOT, NIL)
    :: stack[y] != NIL && cell[stack[y]] != stack[x] -> writePointer(m, stack[y], stack[x])
    :: stack[y] != NIL && cell[stack[y]] != NIL -> writePointer(m, stack[y], NIL)
    :: (14 & ~(alloc | held)) != 0 ->
      fresh = FIRST(14 & ~(alloc | held));
      alloc = alloc | BIT(fresh);
      cell[fresh] = NIL;
#ifndef ALLOC_WHITE
      if :: marking -> marked = marked | BIT(fresh) :: else fi;
#endif
      stack[x] = fresh;
      fresh = NIL
    :: m == M0 -> stack[x] = cell[HANDLE]
    :: m == M0 && cell[HANDLE] == NIL && stack[x] != NIL -> writePointer(m, HANDLE, stack[x])
    :: m == M0 && cell[HANDLE] != NIL ->
#ifdef HANDLE_UNSHADED
      cell[HANDLE] = NIL
#else
      writePointer(m, HANDLE, NIL)
#endif
    :: marking && buffer[m] != 0 -> flush(m)
    fi;
    x = 0; y = 0
  }
}

/* raw.free of the object in a slot of mutator 0's stack; nothing else may refer to it. */
inline freeObject(at) {
  atomic {
    MAYRUN && stack[at] != NIL ->
    count(stack[at]);
    if
    :: refs == 1 ->
      n++;
      alloc = alloc & ~BIT(stack[at]);
#ifndef FREE_REUSED
      if :: marking -> held = held | BIT(stack[at]) :: else fi;
#endif
      stack[at] = NIL
    :: else
    fi;
    refs = 0
  }
}

/*
 * One step of a marker: it scans one object of its private stack, or takes what lies there for all. `got`: there was
 * something. Safepoints lie between these steps, and inside the region between reading a pointer and claiming its object.
 */
inline markStep(me) {
  if
  :: private[me] != 0 ->
    /* Scan: read the pointer, then claim what it leads to. */
    atomic { MAYRUN -> inside[me] = true; obj = FIRST(private[me]); target = cell[obj] };
    markerDies(me);
    atomic {
      private[me] = (private[me] & ~BIT(obj)) | (BIT(target) & ~marked);
      marked = marked | BIT(target);
      inside[me] = false; obj = 0; target = 0
    }
  :: else ->
    atomic {
      MAYRUN;
      if
      :: shared != 0 -> private[me] = shared; shared = 0
      :: shared == 0 && snapshot != 0 -> hand = snapshot; snapshot = 0; inside[me] = true
      :: shared == 0 && snapshot == 0 && (jobs & BIT(ROOT)) -> jobs = jobs & ~BIT(ROOT); obj = ROOT; inside[me] = true
      :: shared == 0 && snapshot == 0 && jobs == BIT(HANDLE) -> jobs = 0; obj = HANDLE; inside[me] = true
      :: !WORK -> got = false
      fi
    };
    if
    :: atomic {
        inside[me] ->
        if :: obj != 0 -> hand = BIT(cell[obj]) :: else fi;
        private[me] = private[me] | (hand & ~marked);
        marked = marked | hand;
        hand = 0; obj = 0; inside[me] = false
      }
    :: !inside[me]
#ifdef KILL
    :: me == W2 && inside[me] -> goto died
#endif
    fi
  fi
}

inline beginMarking(me) { atomic { MAYRUN && marking -> markers++; counted[me] = true; got = true } }
inline endMarking(me) { atomic { MAYRUN -> shared = shared | private[me]; private[me] = 0; markers--; counted[me] = false } }

proctype Mutator0() {
  byte refs, n, x, y, slot, value, old, fresh;
  do
  :: slot != NIL -> finishStore(M0)
  :: slot == NIL && n < OPS0 && !ended -> operate(M0)
#ifdef FREE
  :: slot == NIL && n < OPS0 && !ended -> if :: freeObject(0) :: freeObject(1) :: ended fi
#endif
#ifdef DIE
  :: (slot != NIL || n < OPS0) && !ended -> goto died
#endif
  :: slot == NIL && (n == OPS0 || ended) -> goto out
  od;
died:
  skip;
  d_step { gone[M0] = true; inside[M0] = false };
out:
  n = 0; slot = NIL; value = NIL; old = NIL
}

proctype Mutator1() {
  byte n, x, y, slot, value, old, fresh, obj, target, hand;
  bool got;
  do
  :: slot != NIL -> finishStore(M1)
  :: slot == NIL && n < OPS1 && !ended -> operate(M1)
  :: slot == NIL && n < OPS1 && marking ->
    /* An assist: as much as is paid for, then the rest goes back. */
    n++;
    if
    :: beginMarking(M1);
      markStep(M1);
      if :: private[M1] != 0 -> markStep(M1) :: true fi;
      endMarking(M1)
    :: ended
    fi;
    got = false
  :: slot == NIL && (n == OPS1 || ended) -> break
  od;
died:
  skip;
  n = 0; slot = NIL; value = NIL; old = NIL
}

#ifdef KILL
proctype Marker2() {
  byte obj, target, hand;
  bool got;
  if :: beginMarking(W2) :: ended -> goto out fi;
  do
  :: got -> markStep(W2)
  :: got -> goto died
  :: !got -> break
  od;
  endMarking(W2);
  goto out;
died:
  skip;
  d_step { gone[W2] = true; inside[W2] = false; got = false; obj = 0; target = 0; hand = 0 };
out:
  skip
}
#endif

/* Makes up for a dead thread, with the world stopped. Its stack and handle are roots no more. */
inline reap(id) {
  d_step {
    if
    :: id == M0 ->
      flush(M0);
      stack[0] = NIL; stack[1] = NIL; cell[HANDLE] = NIL
    :: else ->
      private[W2] = 0;
      if :: counted[W2] -> markers--; counted[W2] = false :: else fi;
      if
      :: marking ->
        shared = shared | (marked & alloc);
#ifndef RESCAN_MARKED_ONLY
        takeRoots()
#endif
      :: else
      fi
    fi;
    reaped[id] = true
  }
}

#if defined(KILL) || defined(DIE)
proctype Reaper() {
  byte id;
end:
  do
  :: UNREAPED ->
    if :: gone[M0] && !reaped[M0] -> id = M0 :: gone[W2] && !reaped[W2] -> id = W2 fi;
    atomic { !world -> world = true; stopped = true };
    ALLOUT(W2 + 1);
    reap(id);
    start();
    id = 0
  od
}
#endif

/* Whether nothing is left to be done, as far as a coordinator that has stopped the world can see. */
#ifdef IGNORE_MARKERS
#define DONE (!WORK)
#else
#define DONE (!WORK && markers == 0)
#endif

inline check() {
  d_step {
    seen = STACKBITS | BIT(cell[ROOT]) | BIT(cell[HANDLE]);
    n = 0;
    do
    :: n < 3 ->
      if :: seen & 2 -> seen = seen | BIT(cell[1]) :: else fi;
      if :: seen & 4 -> seen = seen | BIT(cell[2]) :: else fi;
      if :: seen & 8 -> seen = seen | BIT(cell[3]) :: else fi;
      n++
    :: else -> break
    od;
    n = 0;
    assert((seen & ~alloc) == 0);
    /* No object is lost. */
    assert((seen & ~marked) == 0);
    seen = 0;
    /* Nothing is grey, nothing waits in a buffer. */
    assert(!WORK && private[M0] == 0 && private[M1] == 0 && private[W] == 0 && private[W2] == 0);
    assert(buffer[M0] == 0 && buffer[M1] == 0)
  }
}

proctype Worker() {
  byte obj, target, hand, n, seen;
  bool got;
drain:
  beginMarking(W);
  do
  :: got -> markStep(W)
  :: !got -> break
  od;
  endMarking(W);
  /* The last one that finds nothing ends the phase; the others wait for work. */
  if
  :: WORK -> goto drain
  :: !WORK && markers == 0
  fi;
  /* Ragged barrier: each mutator at its next safepoint, here by the coordinator while it holds it outside. */
  atomic { (!inside[M0] || gone[M0]) -> if :: !gone[M0] -> flush(M0) :: else fi };
  atomic { !inside[M1] -> flush(M1) };
  if :: WORK -> goto drain :: else fi;
  stop(W);
#ifndef NO_STW_FLUSH
  d_step { flush(M0); flush(M1) };
#endif
#ifndef NO_SECOND_CHECK
  if
  :: !DONE -> start(); goto drain
  :: else
  fi;
#endif
  atomic { marking = false; ended = true };
  check();
  start();
died: skip
}

init {
  /* The graphs to begin with: the named root, the handle or a stack leads to 1, which leads to 2 or nowhere. */
  atomic {
    if :: cell[1] = 2 :: true fi;
    if
    :: cell[ROOT] = 1; cell[HANDLE] = 2
    :: cell[HANDLE] = 1
    :: stack[0] = 1; stack[2] = 2
    :: cell[ROOT] = 1
#ifdef FREE
    :: stack[0] = 1
#endif
    fi;
    /* Mark setup. */
    takeRoots();
    marking = true;
    run Mutator0();
    run Mutator1();
    run Worker();
#ifdef KILL
    run Marker2();
#endif
#if defined(KILL) || defined(DIE)
    run Reaper()
#endif
  }
}
