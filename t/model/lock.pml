/* lock.pml - the fast lock of lib/mutex-word.c (acquire, release, post, dead).

   What is modelled.  The lock's 64-bit word is the byte `word': who owns it
   (process number + 1), and the bits W (somebody sleeps), S (reserved for those
   who have waited) and D (an owner died, and nobody who was told has released).
   `g' is the gate, a System V semaphore.  A process has one bell at the gate
   and one alive bit in the same set: both are undone in one step by the kernel
   after the last of its threads has stopped.  Every access to the word, to the
   gate and to the alive bit is one step, and SIGKILL may come before each.

   A thread acquires, holds, releases (ROUNDS times).  What is checked:
     - two live processes never hold the lock at once;
     - nobody sleeps for ever while the lock is free or its owner is dead
       (`sleepers' at the end of the world);
     - a death with the lock held is told to the next who gets it, again and
       again until one who was told has released; and none is made up.

   Sizes (bit p of a mask stands for process p):
     -DPROCS=n      processes, one thread each          -DROUNDS=n  acquires a thread
     -DTHREADS=n    threads of process 0                -DKILLS=n   SIGKILLs
     -DSPINS=mask   these spin before they sleep, and so may claim S
     -DTIMES=mask   these may run out of time before each look, before they
                    sleep, and asleep
     -DTRIES=mask   these call with NOWAIT
     -DHANDS=mask   these may leave the release to process PROCS-1, which does
                    nothing else then (-DRELEASER)

   Mutants (each must fail):
     -DNO_BELL            the kernel adds nothing to the gate at a death
     -DNO_POST_TOKEN      who leaves with a token in hand does not post
     -DNO_POST_CLAIM      a spinner that claimed S leaves without posting
     -DTAKER_WITHOUT_W    a woken taker does not set W
     -DNEWCOMER_WITHOUT_W who sleeps at a free, reserved word does not set W
     -DALIVE_ELSEWHERE    the alive bit is in another set, undone after the bell
     -DNO_D               a takeover does not set D                            */

#ifndef PROCS
#define PROCS 3
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
#ifndef SPINS
#define SPINS 0
#endif
#ifndef TIMES
#define TIMES 0
#endif
#ifndef TRIES
#define TRIES 0
#endif
#ifndef HANDS
#define HANDS 0
#endif

#define W 1
#define S 2
#define D 4
#define OWNER(x)  ((x) >> 3)                /* 0: free */
#define ME        ((p + 1) << 3)
#define IN(mask)  (((mask) >> p) & 1)

#ifdef TAKER_WITHOUT_W
#define GRABS_W   (v & W)
#else
#define GRABS_W   (woken || (v & W))
#endif
#ifdef NO_D
#define DEAD_D    0
#else
#define DEAD_D    D
#endif

byte word = 0;
byte g = 0;
bool alive[PROCS];
byte doom[PROCS];                           /* 1: SIGKILL sent, 2: undone */
byte threads[PROCS];                        /* threads that still run */
byte kills = KILLS;

/* What the observer knows */
byte holders = 0;                           /* running threads that hold the lock */
byte sleepers = 0;                          /* running threads asleep at the gate */
bool debt = false;                          /* a death that nobody told has answered for */
byte handed = 0;                            /* process + 1 that leaves the release to the releaser */
bool handover = false;                      /* that has happened, once */

inline post() {                             /* {g,0,NOWAIT}{g,+1} */
  d_step { if :: g == 0 -> g = 1 :: else fi }
}

inline cas(old, new) {
  d_step { if :: word == (old) -> word = (new); won = 1 :: else -> won = 0 fi }
}

/* A CAS that makes the caller the owner; `told': it returns OWNER_DEAD */
inline take(old, new, told) {
  d_step {
    if
    :: word == (old) ->
       word = (new); won = 1; inside = 1; holders++;
       assert(holders == 1);
       assert(debt == (told))
    :: else -> won = 0
    fi
  }
}

proctype thread(byte p) {
  byte v, u;
  byte round = 0;
  bool won, inside = 0, asleep = 0;
  bool had;                                 /* has just taken a token */
  bool woken;                               /* has ever taken one */
  bool starving;                            /* has claimed S, spinning */
  {
    round = 0;
next: skip;
    take(0, ME, 0);
    if :: won -> goto holds :: else fi;

look:
    atomic {
      v = word;
      if
      :: IN(TIMES) && (woken || starving) -> goto leave   /* before W is set */
      :: skip
      fi;
      if
      :: OWNER(v) == 0 && (woken || starving || !(v & S)) -> goto grab
      :: else ->
         if
         :: IN(SPINS) && !starving -> starving = 1; goto look
         :: IN(SPINS) && starving && !(v & S) -> goto claim
         :: goto prepare
         fi
      fi
    };

claim: skip;
    cas(v, v | S);
    goto look;

grab: skip;
    take(v, ME | (v & D) | (GRABS_W -> W : 0), (v & D) != 0);
    if :: won -> goto holds :: else -> goto look fi;

prepare:
    if
    :: IN(TRIES) -> u = v
    :: !IN(TRIES) -> u = v | W | (starving -> S : 0)
    :: !IN(TRIES) && woken -> u = v | W | S
    fi;
#ifdef NEWCOMER_WITHOUT_W
    if :: OWNER(v) == 0 -> u = v :: else fi;
#endif
    if
    :: u != v -> cas(v, u); if :: !won -> goto look :: else fi
    :: else
    fi;
    if
    :: OWNER(u) != 0 ->
       if
       :: !alive[OWNER(u) - 1] ->
          take(u, ME | W | DEAD_D, 1);
          if :: won -> goto holds :: else -> goto look fi
       :: else
       fi
    :: else
    fi;

    if
    :: IN(TRIES) ->
       if
       :: OWNER(u) == 0 ->                  /* free and reserved: is there a token? */
          if
          :: d_step { g > 0 -> g--; had = 1; woken = 1 }
          :: g == 0 -> goto leave
          fi;
          goto look
       :: else -> goto leave
       fi
    :: IN(TIMES) -> goto leave              /* past the deadline, perhaps with a token */
    :: !IN(TRIES) -> d_step { had = 0; asleep = 1; sleepers++ }
    fi;
    if
    :: d_step { g > 0 -> g--; asleep = 0; sleepers--; had = 1; woken = 1 }
    :: d_step { IN(TIMES) -> asleep = 0; sleepers-- }
    fi;
    if :: had -> goto look :: else fi;

leave:
    if
#ifndef NO_POST_TOKEN
    :: woken -> post()
#endif
#ifndef NO_POST_CLAIM
    :: starving -> post()
#endif
    :: else
    fi;
    goto after;

holds: skip;
    if
    :: d_step { IN(HANDS) && !handover -> handover = 1; handed = p + 1; inside = 0 }; goto out
    :: skip
    fi;
    d_step { v = word; had = 0; woken = 0; starving = 0; u = 0 };
    assert(OWNER(v) == p + 1);
    do
    :: skip;
       d_step {
         if
         :: word == v -> word = (v & S); won = 1; inside = 0; holders--; debt = 0
         :: else -> won = 0; v = word
         fi
       };
       if :: won -> break :: else fi
    od;
    if :: v & W -> post() :: else fi;

after:
    atomic { round++; v = 0; u = 0; had = 0; woken = 0; starving = 0; won = 0 };
    if :: round < ROUNDS -> goto next :: else fi;
out:
    atomic { v = 0; u = 0; had = 0; woken = 0; starving = 0; won = 0 }
  } unless { doom[p] > 0 };

  if
  :: doom[p] > 0 ->
     if :: inside -> d_step { holders--; inside = 0 } :: else fi;
     if
     :: asleep -> d_step { asleep = 0; sleepers-- };
        if :: d_step { g > 0 -> g-- } :: skip fi    /* woken, then killed */
     :: else
     fi
  :: else
  fi;
  d_step { threads[p]--; v = 0; u = 0; had = 0; woken = 0; starving = 0; won = 0; round = 0 }
}

#ifdef RELEASER
/* Releases for another, if that one still has it */
proctype releaser(byte p) {
  byte v, whose;
  bool won;
  {
    d_step { handed > 0 -> whose = handed };
    v = word;
    do
    :: OWNER(v) != whose -> break
    :: else ->
       d_step {
         if
         :: word == v ->
            word = (v & (S | D)); won = 1;
            /* a death that nobody was told is his to answer for */
            if :: !alive[whose - 1] -> debt = ((v & D) != 0) :: else fi;
            if :: handed > 0 -> handed = 0; holders-- :: else fi
         :: else -> won = 0; v = word
         fi
       };
       if :: won -> break :: else fi
    od;
    if :: won && (v & W) -> post() :: else fi
  } unless { doom[p] > 0 };
  threads[p]--
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
#ifdef ALIVE_ELSEWHERE
        g++;
#endif
        d_step {
#if !defined(NO_BELL) && !defined(ALIVE_ELSEWHERE)
          g++;
#endif
          alive[p] = 0;
          doom[p] = 2;
          if :: OWNER(word) == p + 1 -> debt = 1 :: else fi;
          if :: handed == p + 1 -> handed = 0; holders-- :: else fi
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
      alive[i] = 1;
      threads[i] = 1;
#ifdef RELEASER
      if :: i == PROCS - 1 -> run releaser(i) :: else -> run thread(i) fi;
#else
      run thread(i);
#endif
    }
    j = 1;
    do :: j < THREADS -> threads[0]++; run thread(0); j++ :: else -> break od;
    run killer()
  }
  timeout -> assert(sleepers == 0 || (OWNER(word) != 0 && alive[OWNER(word) - 1]))
}
