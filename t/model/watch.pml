/* watch.pml - who waits for any of several objects (lib/watch.c, lib/watch.h:
   watch_fire, watch_see, watch_mark; lib/wait.c: look, watch_loop).

   What is modelled.  A watcher sleeps in a lane, a broadcast (broadcast.pml)
   that many watchers share.  It sees the side, the turn, and how many objects
   were fired in its lane; then it marks each object with the bit of its lane
   and looks at it; then it sleeps.  Who has changed an object notes that it
   fires the lanes that are marked, and counts that, in one word with the marks;
   for each lane it counts and writes the object into the lane's ring, and
   raises the turn, if anybody is announced there; then it takes the marks off,
   if the word is as it left it.  A woken watcher marks and looks at what the
   ring has for it; at all, when the side is another one, or the ring is not as
   it should be.  A watcher that marks takes the note of its lane off.  Others
   may take away what made an object ready.  SIGKILL may come before every step;
   when the last thread has stopped, the process's bells raise the side of each
   lane, in one step.  SIGSTOP may stop a poster before every step, for good,
   and the kernel may refuse it the wake-up.  What is checked: in the end no
   living watcher sleeps while one of its objects is ready; with STOPS or
   REFUSED, none that is for the object of one more put, by another process.

   Sizes:
     -DLANES=n -DWATCHERS=n -DPOSTERS=n -DTHREADS=n  processes; threads of a
                       poster
     -DPUTS=n          of a posting thread         -DKILLS=n
     -DTAKES=n         others take so many
     -DWANTS=n         which objects watcher 0 waits for, a bit each (3: both);
                       the others wait for both
     -DTURN=n -DSIDE=n  where they begin
     -DSTOPS=n         so many posters are stopped
     -DREFUSED         the first poster can wake nobody

   Mutants (each must fail):
     -DNO_BELL         the kernel adds nothing at a death
     -DBELL_AT_TURN    the bells raise the turn, and who was woken looks at all
                       when it finds nothing in the ring
     -DNO_LOWER        a side is not lowered while there is room
     -DSIDE_KNOWN      a watcher does not look at all on another side
     -DTURN_LATE       the turn is read after the looks
     -DFIRED_FIRST     the number of the fired is read before the turn
     -DFIRED_LATE      it is read after the first looks
     -DLOOK_FIRST      a watcher looks at an object, then marks it, at first
     -DMARK_LATE       or when it was fired
     -DNO_MARK         it does not mark again what was fired
     -DPUSH_LATE       the turn is raised, then the ring is written
     -DCLEAR_LATE      the marks are cleared, whatever the word is
     -DCLEAR_FIRST     (with STOPS) they are taken off before the wake-up
     -DCLEAR_REFUSED   (with REFUSED) they are taken off without one
     -DNOT_NOTED       nobody notes that it fires
     -DNOTE_STAYS      who marks leaves the note
     -DNOT_COUNTED     (with NOT_NOTED) firings are not counted
     -DNO_NUMBER       an entry's number is not compared with what it should be
     -DUNMARKS         who leaves clears the marks of its lane
     -DNOT_ANNOUNCED   who has taken marks asks who is announced, but watchers
                       announce themselves after their marks              */

#ifndef LANES
#define LANES 1
#endif
#ifndef WATCHERS
#define WATCHERS 1
#endif
#ifndef POSTERS
#define POSTERS 1
#endif
#ifndef THREADS
#define THREADS 1
#endif
#ifndef PUTS
#define PUTS 1
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef TAKES
#define TAKES 0
#endif
#ifndef WANTS
#define WANTS 3
#endif
#ifndef TURN
#define TURN 0
#endif
#ifndef SIDE
#define SIDE 0
#endif
#ifndef STOPS
#define STOPS 0
#endif
#define PROCS (WATCHERS + POSTERS)
#define OBJECTS 2
#define RING 2                  /* 64 */

#define HALF 4                  /* 16,384 */
#define FULL 7                  /* 32,767 */

#define LANE(p) ((p) % LANES)
#define BIT(l)  (1 << (l))
#define LANES_MASK 15
#define NOTES(m) ((m) << 4)
#define WANT(p, o) (((p) != 0 || ((WANTS) & (1 << (o)))) && (o) < OBJECTS)

byte ready[OBJECTS];
byte marks[OBJECTS];            /* a bit for each lane, and one for its note */
byte firings[OBJECTS];          /* one word with that */
byte stops = STOPS;
bool halted[PROCS * THREADS + 20];
byte last = OBJECTS;            /* that the last put was for; OBJECTS: any */
byte turn[LANES] = TURN, side[LANES] = SIDE;
byte sleepers[LANES], fired[LANES];
byte number[LANES * RING];      /* plus one; 0: never written */
byte what[LANES * RING];

byte doom[PROCS];
byte threads[PROCS];
bool asleep[WATCHERS];
byte kills = KILLS;

/* One load, if the mark is there and its lane is not noted; else a step */
inline mark(o) {
  if
#ifdef NOT_NOTED
  :: (marks[o] & BIT(LANE(p))) == 0 ->
#else
  :: (marks[o] & (BIT(LANE(p)) | NOTES(BIT(LANE(p))))) != BIT(LANE(p)) ->
#endif
#ifdef NOTE_STAYS
     marks[o] = marks[o] | BIT(LANE(p))
#else
     marks[o] = (marks[o] | BIT(LANE(p))) & (255 - NOTES(BIT(LANE(p))))
#endif
  :: else
  fi
}

proctype watcher(byte p) {
  byte t = 0, d = 0, c = 0, f = 0, i = 0, old = 0;
  bool all = 1, mine = 0;
  {
    skip;
#ifndef NOT_ANNOUNCED
    sleepers[LANE(p)]++;
#endif
    do
    :: skip;
see:   skip;
#ifdef FIRED_FIRST
       f = fired[LANE(p)];
#endif
       d = side[LANE(p)];
#ifndef TURN_LATE
       t = turn[LANE(p)];
#endif
#ifndef NO_LOWER
       if
       :: d >= HALF ->
          d_step { if :: side[LANE(p)] >= HALF -> side[LANE(p)] = side[LANE(p)] - HALF :: else fi };
          goto see
       :: else
       fi;
#endif
       if
       :: t >= HALF ->
          d_step {
            if
            :: turn[LANE(p)] >= HALF && side[LANE(p)] < FULL ->
               turn[LANE(p)] = turn[LANE(p)] - HALF;
               side[LANE(p)]++
            :: else
            fi;
            t = 0
          };
          goto see
       :: else
       fi;
#ifndef FIRED_FIRST
       f = fired[LANE(p)];
#endif
#ifdef BELL_AT_TURN
       all = all || d != old || f == c;
#elif !defined(SIDE_KNOWN)
       all = all || d != old;
#endif
       d_step { old = d; all = all || f - c > RING };
       do
       :: !all && c < f ->
          atomic {
#ifndef NO_NUMBER
            if
            :: number[LANE(p) * RING + c % RING] != c + 1 -> all = 1
            :: else
            fi;
#endif
            i = what[LANE(p) * RING + c % RING];
            mine = !all && WANT(p, i);
            c++
          };
          if
          :: mine ->
#ifdef MARK_LATE
             if :: ready[i] > 0 -> goto leave :: else fi;
             mark(i)
#else
#ifndef NO_MARK
             mark(i);
#endif
             if :: ready[i] > 0 -> goto leave :: else fi
#endif
          :: else
          fi;
          d_step { i = 0; mine = 0 }
       :: else -> break
       od;
       c = f;
       if
       :: all ->
          do
          :: i < OBJECTS ->
             if
             :: WANT(p, i) ->
#ifdef LOOK_FIRST
                if :: ready[i] > 0 -> goto leave :: else fi;
                mark(i)
#else
                mark(i);
                if :: ready[i] > 0 -> goto leave :: else fi
#endif
             :: else
             fi;
             i++
          :: else -> break
          od;
#ifdef FIRED_LATE
          c = fired[LANE(p)];
#endif
          atomic { i = 0; all = 0 }
       :: else
       fi;
#ifdef NOT_ANNOUNCED
       sleepers[LANE(p)]++;
#endif
#ifdef TURN_LATE
       t = turn[LANE(p)];
#endif
       d_step { asleep[p] = 1; f = 0 };
       atomic { turn[LANE(p)] > t || side[LANE(p)] != d -> asleep[p] = 0 }
#ifdef NOT_ANNOUNCED
       ; sleepers[LANE(p)]--
#endif
    od;
leave: skip;
#ifdef UNMARKS
    i = 0;
    do
    :: i < OBJECTS -> if :: WANT(p, i) -> marks[i] = marks[i] & (255 - BIT(LANE(p))) :: else fi; i++
    :: else -> i = 0; break
    od;
#endif
#ifndef NOT_ANNOUNCED
    sleepers[LANE(p)]--
#endif
  } unless { doom[p] > 0 };
  atomic {
    asleep[p] = 0; threads[p]--;
    t = 0; d = 0; c = 0; old = 0; f = 0; i = 0; all = 0; mine = 0
  }
}

inline push() {
  atomic { s = fired[l]; fired[l]++ };
  d_step { number[l * RING + s % RING] = s + 1; what[l * RING + s % RING] = o; s = 0 }
}

inline post() {
  if
  :: sleepers[l] > 0 -> d_step { if :: turn[l] < FULL -> turn[l]++ :: else fi }
  :: else
  fi
}

/* compare-and-swap */
inline off() {
  d_step {
    if
    :: marks[o] == w && firings[o] == c -> marks[o] = marks[o] & (255 - m - NOTES(m))
    :: else
    fi
  }
}

#ifdef REFUSED
#define MAY(p) ((p) != WATCHERS)
#else
#define MAY(p) true
#endif

proctype poster(byte p) provided (!halted[_pid]) {
  byte o = 0, m = 0, l = 0, s = 0, n = 0, w = 0, c = 0;
  {
    do
    :: n < PUTS ->
       select (o : 0 .. (OBJECTS - 1));
       ready[o]++;
       if :: (marks[o] & LANES_MASK) == 0 -> goto next :: else fi;
       d_step {
         m = marks[o] & LANES_MASK;
#ifdef CLEAR_FIRST
         marks[o] = 0;
#elif !defined(NOT_NOTED)
         if :: m != 0 -> marks[o] = marks[o] | NOTES(m) :: else fi;
#endif
#ifndef NOT_COUNTED
         if :: m != 0 -> firings[o]++ :: else fi;
#endif
         w = marks[o]; c = firings[o]
       };
       do
       :: l < LANES ->
          if
          :: m & BIT(l) ->
#ifdef PUSH_LATE
             post(); push()
#else
             push();
             if :: MAY(p) -> post() :: else fi
#endif
          :: else
          fi;
          l++
       :: else -> break
       od;
#ifdef CLEAR_LATE
       marks[o] = 0;
#elif defined(CLEAR_REFUSED)
       off();
#else
       if :: MAY(p) -> off() :: else fi;
#endif
next:  atomic { n++; o = 0; m = 0; l = 0; w = 0; c = 0 }
    :: else -> break
    od
  } unless { doom[p] > 0 };
  atomic { threads[p]--; o = 0; m = 0; l = 0; s = 0; n = 0; w = 0; c = 0 }
}

#if STOPS > 0
/* Threads have the numbers from 1 on; the watchers come first. */
proctype stopper() {
  byte t;
  do
  :: stops > 0 ->
     select (t : (WATCHERS + 1) .. PROCS);
     atomic { if :: !halted[t] && doom[t - 1] == 0 -> halted[t] = 1; stops-- :: else fi; t = 0 }
  :: break
  od
}
#endif

#if STOPS > 0 || defined(REFUSED)
#define ONE_MORE
/* It puts once, is alive, and may wake */
proctype last_poster() {
  byte o = 0, m = 0, l = 0, s = 0, w = 0, c = 0;
  select (o : 0 .. (OBJECTS - 1));
  skip;
  d_step { ready[o]++; last = o };
  d_step {
    m = marks[o] & LANES_MASK;
    if :: m != 0 -> marks[o] = marks[o] | NOTES(m); firings[o]++ :: else fi;
    w = marks[o]; c = firings[o]
  };
  do
  :: l < LANES -> if :: m & BIT(l) -> push(); post() :: else fi; l++
  :: else -> break
  od;
  skip;
  off()
}
#endif

proctype taker() {
  byte n = 0;
  do
  :: atomic { n < TAKES && ready[0] > 0 -> ready[0]--; n++ }
  :: atomic { n < TAKES && ready[1] > 0 -> ready[1]--; n++ }
  :: break
  od
}

proctype killer() {
  byte p, l;
  do
  :: kills > 0 ->
     select (p : 0 .. (PROCS - 1));
     if
     :: doom[p] == 0 ->
        d_step { doom[p] = 1; kills--; halted[p + 1] = 0 };
        threads[p] == 0;
        d_step {
#ifndef NO_BELL
          do
          :: l < LANES ->
#ifdef BELL_AT_TURN
             if :: turn[l] < FULL -> turn[l]++ :: else fi;
#else
             if :: side[l] < FULL -> side[l]++ :: else fi;
#endif
             l++
          :: else -> l = 0; break
          od;
#endif
          doom[p] = 2
        }
     :: else
     fi
  :: break
  od
}

init {
  byte i, j;
  atomic {
    for (i : 0 .. (PROCS - 1)) {
      if
      :: i < WATCHERS -> threads[i] = 1; run watcher(i)
      :: else ->
         threads[i] = THREADS;
         j = 0;
         do :: j < THREADS -> run poster(i); j++ :: else -> break od
      fi
    }
#if STOPS > 0
    run stopper();
#endif
    run taker();
    run killer();
    i = 0; j = 0
  }
#ifdef ONE_MORE
  timeout -> run last_poster();
#endif
  timeout -> d_step {
    for (i : 0 .. (WATCHERS - 1)) {
      for (j : 0 .. (OBJECTS - 1)) {
        assert(!asleep[i] || !WANT(i, j) || ready[j] == 0 || (last != OBJECTS && last != j))
      }
    }
  }
}
