/* broadcast.pml - many sleep, all are woken (lib/broadcast.c; lib/block.c:
   block_lower; lib/handle.c: drain), and the event on top of it (lib/event.c).

   What is modelled.  Waiters announce themselves, see the side and the turn,
   look whether the event is set or has been since they came, and sleep as long
   as the side is the same, until the turn is past the one they saw.  Setters
   set and clear it; each raises the turn if anybody is announced.  A turn or
   side that is at half of what fits is lowered by that by who is about to
   sleep, the turn in one step with a step of the side.  Processes may have two
   threads (or, which is less: a signal handler on top of the one).  A process
   arms its bell before it uses the event; SIGKILL may come before every step,
   and when the last thread has stopped the bell raises the side by 1, or leaves
   it where it is when it is full.  SIGSTOP may stop a setter for good before it
   wakes.  What is checked: in the end no living waiter sleeps for what is so,
   unless he who made it so is stopped and no set has returned since.

   Sizes:
     -DWAITERS=n -DSETTERS=n -DTHREADS=n  processes; threads of a setter
     -DROUNDS=n        sets of a setting thread    -DKILLS=n  -DSTOPS=n
     -DTIMEOUTS        waiter 0 may run out of time
     -DSTAYS_SET       it is not cleared
     -DTURN=n -DSIDE=n where they begin
     -DSIDE_HALF=n     half of what fits there (16,384)

   Mutants (each must fail):
     -DNO_BELL         the kernel adds nothing at a death
     -DARMS_NO_MORE    who finds no room for its bell goes on without one
     -DNO_LOWER        a side is not lowered while there is room
     -DTURN_FIRST      the turn is read before the side
     -DLOOK_FIRST      a waiter looks, then sees the turn
     -DANNOUNCE_LATE   it announces itself after the look
     -DNO_SIDE         it sleeps without comparing the side
     -DFLIP_ALONE      a turn is lowered without a step of the side
     -DTWO_STEPS       the side is raised in a step after the turn's
     -DTAKES           who wakes up lowers the turn
     -DNO_HALF         waiters sleep for any turn
     -DWAKE_EARLY      a setter looks for sleepers before it sets
     -DHEALS           somebody zeroes `sleepers' when none is in semop
     -DNO_EPOCH        a waiter looks only whether it is set
     -DSIDE_HALF=1     a side comes back at once
     -DONLY_CHANGER    (with STOPS) who finds it set wakes nobody            */

#ifndef WAITERS
#define WAITERS 2
#endif
#ifndef SETTERS
#define SETTERS 1
#endif
#ifndef THREADS
#define THREADS 1
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef STOPS
#define STOPS 0
#endif
#ifndef TURN
#define TURN 0
#endif
#ifndef SIDE
#define SIDE 0
#endif
#ifndef SIDE_HALF
#define SIDE_HALF 4
#endif
#define PROCS (WAITERS + SETTERS)

#define HALF 2                  /* 16,384 */
#define FULL 3                  /* 32,767 */
#define SIDE_FULL (2 * SIDE_HALF - 1)

byte turn = TURN, side = SIDE, sleepers = 0;
bool set = 0;
byte epoch = 0;

byte doom[PROCS];               /* 1: SIGKILL sent, 2: undone */
byte threads[PROCS];
bool armed[PROCS];
bool asleep[WAITERS];
byte since[WAITERS];            /* the epoch that it came in */
byte in_semop = 0;
byte kills = KILLS, stops = STOPS;
bool owed = 0;                  /* a stopped one owes a wake-up */

inline flip() {
#ifdef TWO_STEPS
  d_step { if :: turn >= HALF -> turn = turn - HALF; ok = 1 :: else -> ok = 0 fi };
  if :: ok -> side++; ok = 0 :: else fi
#else
  d_step {
    if
#ifdef FLIP_ALONE
    :: turn >= HALF -> turn = turn - HALF
#else
    :: turn >= HALF && side < SIDE_FULL -> turn = turn - HALF; side++
#endif
    :: else                                             /* EAGAIN, ERANGE */
    fi
  }
#endif
}

inline lower() {
  d_step { if :: side >= SIDE_HALF -> side = side - SIDE_HALF :: else fi }
}

inline post() {
  d_step { if :: turn < FULL -> turn++ :: else fi }     /* else ERANGE */
}

/* {side,+1} {side,-1,SEM_UNDO}, and again when it was lowered */
inline arm(p) {
  do
  :: atomic { armed[p] -> break }
  :: atomic { !armed[p] && side < SIDE_FULL -> armed[p] = 1 }; break
  :: atomic { !armed[p] && side == SIDE_FULL };         /* ERANGE */
#ifdef ARMS_NO_MORE
     break
#else
     lower()
#endif
  od
}

proctype waiter(byte p) {
  byte t = 0, d = 0;
  bool ok = 0;
  {
    skip;
    atomic { if :: set -> goto out :: else -> since[p] = epoch fi };
#ifndef ANNOUNCE_LATE
    sleepers++;
#endif
    do
    :: skip;
#ifdef LOOK_FIRST
       if :: set || epoch != since[p] -> goto leave :: else fi;
#endif
see:   skip;
#ifdef TURN_FIRST
       t = turn;
       d = side;
#else
       d = side;
       t = turn;
#endif
#ifndef NO_LOWER
       if :: d >= SIDE_HALF -> lower(); goto see :: else fi;
#endif
#ifndef NO_HALF
       if :: t >= HALF -> flip(); goto see :: else fi;
#endif
#ifndef LOOK_FIRST
#ifdef NO_EPOCH
       if :: set -> goto leave :: else fi;
#else
       if :: set || epoch != since[p] -> goto leave :: else fi;
#endif
#endif
#ifdef ANNOUNCE_LATE
       sleepers++;
#endif
       atomic { asleep[p] = 1; in_semop++ };
       if
#ifdef TAKES
       :: atomic { turn > t -> turn--; asleep[p] = 0; in_semop-- }
#else
       :: atomic { turn > t && t < FULL -> asleep[p] = 0; in_semop-- }
#endif
#ifndef NO_SIDE
       :: atomic { side != d -> asleep[p] = 0; in_semop-- }
#endif
#ifdef TIMEOUTS
       :: atomic { p == 0 -> asleep[p] = 0; in_semop-- }; break
#endif
       fi;
#ifdef ANNOUNCE_LATE
       sleepers--
#endif
    od;
leave: skip;
#ifndef ANNOUNCE_LATE
    sleepers--;
#endif
out: skip
  } unless { doom[p] > 0 };
  atomic {
    if :: asleep[p] -> asleep[p] = 0; in_semop-- :: else fi;
    threads[p]--; t = 0; d = 0; ok = 0; since[p] = 0
  }
}

proctype setter(byte p) {
  byte i = 0;
  bool ok = 0, seen = 0;
  {
    arm(p);
    do
    :: i < ROUNDS ->
#ifdef WAKE_EARLY
       seen = sleepers > 0;
#endif
       atomic {
         ok = !set;
         if :: !set -> set = 1; epoch++ :: else fi
       };
       if
       :: stops > 0 -> atomic { stops--; owed = 1; threads[p]--; ok = 0; i = 0; goto stopped }
       :: skip
       fi;
#ifdef ONLY_CHANGER
       if :: !ok -> goto woken :: else fi;
#endif
#ifdef WAKE_EARLY
       if :: seen -> post() :: else fi;
#else
       if :: sleepers > 0 -> post() :: else fi;
#endif
woken: skip;
       owed = 0;
#ifndef STAYS_SET
       set = 0;
#endif
       atomic { i++; ok = 0; seen = 0 }
    :: else -> break
    od
  } unless { doom[p] > 0 };
  atomic { threads[p]--; i = 0; ok = 0; seen = 0 };
stopped: skip
}

#ifdef HEALS
proctype healer() {
  if :: sleepers > 0 && in_semop == 0 -> sleepers = 0 fi
}
#endif

proctype killer() {
  byte p;
  do
  :: kills > 0 ->
     select (p : 0 .. (PROCS - 1));
     if
     :: doom[p] == 0 ->
        d_step { doom[p] = 1; kills-- };
        threads[p] == 0;
        d_step {
#ifndef NO_BELL
          if :: armed[p] && side < SIDE_FULL -> side++ :: else fi;
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
      :: i < WAITERS -> threads[i] = 1; run waiter(i)
      :: else ->
         threads[i] = THREADS;
         j = 0;
         do :: j < THREADS -> run setter(i); j++ :: else -> break od
      fi
    }
    run killer();
#ifdef HEALS
    run healer();
#endif
    i = 0; j = 0
  }
  timeout -> d_step {
    for (i : 0 .. (WAITERS - 1)) {
      assert(!asleep[i] || owed || (!set && epoch == since[i]))
    }
  }
}
