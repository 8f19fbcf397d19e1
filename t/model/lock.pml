/* lock.pml - the fast lock of lib/word.c (acquire, release, post, dead).

   What is modelled.  The lock's two words: `owner' (process number + 1; 0: it
   is free), and `flags': W (somebody sleeps), S (reserved for those who have
   waited) and D (an owner died, and nobody who was told has released).  Beside
   the flags are `owed', and the epoch, which every raise of W counts up; of it
   the model keeps what matters: `settling' has the releases that have posted,
   or are about to, and nobody has raised W since.  `g' is the gate, a System V
   semaphore.  A process has one bell at the gate and one
   alive bit in the same set: both are undone in one step by the kernel after
   the last of its threads has stopped.  Every access to a word, to the gate
   and to the alive bit is one step, and SIGKILL may come before each.  (A
   thread that the kill stops early is one that was slow, and one that it finds
   woken has taken its token: so the kill is one step, too.)

   The swift release is a plain store of 0 to `owner'.  It may be `pending', in
   its CPU's buffer, for as long as it likes while its thread goes on to load:
   until the thread's next locked instruction or system call, its process's
   death, or the membarrier of another; the thread itself sees it.  All other
   accesses are in one order.

   A thread acquires, holds, releases (ROUNDS times).  What is checked:
     - two live processes never hold the lock at once;
     - nobody sleeps for ever while the lock is free or its owner is dead;
     - with a stop: nor when one process never goes on, which has not got the
       lock, if another one takes the lock and releases it after that;
     - a release that answers 0 has left nobody asleep, one that is refused has
       the lock;
     - a death with the lock held is told to the next who gets it, again and
       again until one who was told has released; and none is made up;
     - a store is never pending after the lock has become another's.

   Sizes (bit p of a mask stands for process p):
     -DPROCS=n      processes, one thread each          -DROUNDS=n  acquires a thread
     -DTHREADS=n    threads of process 0                -DKILLS=n   SIGKILLs
     -DSPINS=mask   these spin before they sleep, and so may claim S
     -DTIMES=mask   these may run out of time before each look, before they
                    sleep, and asleep
     -DTRIES=mask   these call with NOWAIT
     -DGIVES=mask   these may destroy the lock that they hold
     -DHANDS=mask   these may leave the release to process PROCS-1, which does
                    nothing else then (-DRELEASER)
     -DNO_SWIFT     nobody has a membarrier, or releases by a store
     -DCLUMSY=mask  these can't register, so release by a CAS; their own
                    membarrier works
     -DUNSURE=mask  a membarrier of these may fail: they don't sleep for long
     -DREFUSED=mask  the kernel may refuse a post of these, REFUSALS times
     -DSTOPS        one thread may stop for good, anywhere; if it sleeps, the
                    kernel may still give it a token

   Mutants (each must fail):
     -DNO_BELL            the kernel adds nothing to the gate at a death
     -DNO_MEMBARRIER      a swift release, but who waits has no membarrier
     -DLOOK_FIRST         who waits looks at the owner before the membarrier only
     -DNO_RECHECK         who found it free and reserved sleeps after the barrier
                          if it is free, reserved or not
     -DCLUMSY_IS_SURE     who releases by a CAS waits without a membarrier
     -DNO_POST            a release clears W and does not post
     -DNO_EPOCH           a release clears W after its post even if W has been
                          raised since
     -DCLEAR_FIRST        a release clears W, then posts (with a stop)
     -DNOTHING_OWED       a release notes nothing beside (with a stop)
     -DKEEPS_QUIET        a release that is refused answers 0
     -DNO_HANDOVER        who may not post its token on leaves without raising W
     -DNO_POST_TOKEN      who leaves with a token in hand does not post
     -DNO_POST_CLAIM      a spinner that claimed S leaves without posting
     -DTAKER_WITHOUT_W    a woken taker does not set W
     -DNEWCOMER_WITHOUT_W who sleeps at a free, reserved lock does not set W
     -DS_STAYS            who was entitled takes the lock and does not clear S
     -DALIVE_ELSEWHERE    the alive bit is in another set, undone after the bell
     -DNO_D               a takeover does not set D
     -DD_AT_FIRST_LOOK    who takes it swiftly judges D by the flags it saw free
     -DD_CLEARED_LATE     D is cleared after the owner
     -DD_SET_LATE         who releases for the dead sets D after the owner is 0  */

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
#ifndef GIVES
#define GIVES 0
#endif
#ifndef HANDS
#define HANDS 0
#endif
#ifndef CLUMSY
#define CLUMSY 0
#endif
#ifndef UNSURE
#define UNSURE 0
#endif
#ifndef REFUSED
#define REFUSED 0
#endif
#ifndef REFUSALS
#define REFUSALS 1
#endif

#define W 1
#define S 2
#define D 4
#define ME        (p + 1)
#define IN(mask)  (((mask) >> p) & 1)
#define ENTITLED  (woken || reserved)

#ifdef NO_D
#define DEAD_D    0
#else
#define DEAD_D    D
#endif
#ifdef TAKEOVER_WITHOUT_W                  /* holds, too: W is still as it was */
#define DEAD_W    0
#else
#define DEAD_W    W
#endif

byte owner = 0;
byte flags = 0;
byte pending = 0;                           /* pid of the thread whose owner = 0 is */
byte g = 0;
byte owed = 0;
byte sleepers = 0;
short settling = 0;                         /* a bit for each thread's pid */
byte refusals = REFUSALS;
byte stopped = 255;                         /* pid of the one that never goes on */
byte at_gate = 0;                           /* a bit for each thread's pid */
byte visits = 0;                            /* of one who comes when nobody can go on */
byte pid_of[PROCS];
bool alive[PROCS];
bool doom[PROCS];                           /* SIGKILL */
byte threads[PROCS];                        /* threads that still run */
byte kills = KILLS;

/* What the observer knows */
byte holder = 0;                            /* process + 1 that holds the lock */
bool debt = false;                          /* a death that nobody told has answered for */
byte handed = 0;                            /* process + 1 that leaves the release to the releaser */
bool handover = false;                      /* that has happened, once */

/* In a d_step: a locked instruction or a system call of this thread */
inline locked() {
  if :: pending == _pid -> owner = 0; pending = 0 :: else fi
}

/* In a d_step: what everybody's stores are after a membarrier */
inline barrier() {
  if :: pending != 0 -> owner = 0; pending = 0 :: else fi
}

inline load_owner() {
  o = (pending == _pid -> 0 : owner)
}

inline set(bits) {
  d_step { locked(); flags = flags | (bits) }
}

inline clear(bits) {
  d_step { locked(); flags = flags & ~(bits) }
}

inline raise(bits) {                        /* a look, and a step if need be */
  if :: (flags & (bits)) == (bits) :: else -> set(bits) fi
}

inline lower(bits) {
  if :: (flags & (bits)) == 0 :: else -> clear(bits) fi
}

inline post() {                             /* in a d_step: {g,0,NOWAIT}{g,+1} */
  locked();
  if :: g == 0 -> g = 1 :: else fi
}

inline raise_waited(bits) {                 /* in an epoch of its own */
  d_step { locked(); flags = flags | W | (bits); settling = 0 }
}

#define MY_BIT (1 << _pid)
#ifdef NO_EPOCH
#define SAME_EPOCH true
#else
#define SAME_EPOCH (settling & MY_BIT)
#endif
/* Nobody counts on what is owed unless somebody stops */
#ifdef STOPS
#define COUNT_IN  if :: !announced -> announced = 1; sleepers++ :: else fi
#define COUNT_OUT if :: announced -> announced = 0; sleepers-- :: else fi
#define AT_GATE   at_gate = at_gate | MY_BIT
#define SERVED    (at_gate & MY_BIT)
#define GATE_LEFT at_gate = at_gate & ~MY_BIT
#else
#define COUNT_IN  skip
#define COUNT_OUT skip
#define AT_GATE   skip
#define SERVED    true
#define GATE_LEFT skip
#endif
#if defined(STOPS) && !defined(NOTHING_OWED)
#define OTHERS (sleepers > 0 -> sleepers - 1 : 0)
#else
#define OTHERS (owed - owed)
#endif

/* A CAS from the same epoch */
inline settle(owes) {
  d_step {
    locked();
    if :: SAME_EPOCH -> flags = flags & ~W; owed = owes :: else fi;
    settling = settling & ~MY_BIT
  }
}

/* A CAS that makes the caller the owner */
inline take(old) {
  d_step {
    locked();
    if
    :: owner == (old) ->
       owner = ME; won = 1;
       assert(holder == 0 && pending == 0);
       holder = ME
    :: else -> won = 0
    fi
  }
}

/* f: W, if it may not be posted for; else 0 */
inline hand_on() {
  d_step {                                  /* one load */
    f = flags & W;
    if :: f != 0 || owed > 0 -> settling = settling | MY_BIT :: else fi
  };
#ifdef CLEAR_FIRST
  if :: f != 0 -> o = 0; settle(o) :: else fi;
#endif
  if
  :: f == 0 && owed == 0 -> d_step { settling = settling & ~MY_BIT }
#ifndef NO_POST
  :: f != 0 -> d_step { f = 0; post() };
#else
  :: f != 0 -> d_step { f = 0 };
#endif
     d_step { o = OTHERS };
     settle(o);
     o = 0
  :: f != 0 && IN(REFUSED) && refusals > 0 ->
     d_step { locked(); refusals--; settling = settling & ~MY_BIT }
  :: f == 0 && owed > 0 ->
     d_step { o = (owed > 0 -> owed - 1 : 0); locked(); g++ };
     settle(o);
     o = 0
  :: f == 0 && owed > 0 && visits == 0 ->   /* not in this tick */
     d_step { settling = settling & ~MY_BIT }
  fi
}

proctype thread(byte p) provided (stopped != _pid) {
  byte o, f;
  byte round = 0;
  bool won;
  bool woken;                               /* has ever taken a token */
  bool spinning;                            /* may still spin */
  bool reserved;                            /* has claimed S, spinning */
  bool unsure;                              /* its membarrier failed */
  bool announced;                           /* counted among the sleepers */
  bool told;                                /* had D when it released */
  {
    round = 0;
next:
    atomic { spinning = IN(SPINS); if :: flags -> goto look :: else fi };
    atomic { take(0); if :: won -> won = 0; goto taken :: else -> goto look fi };

look:
    atomic {
      load_owner();
      if
      :: IN(TIMES) && ENTITLED -> goto leave
      :: skip
      fi;
      if :: o == 0 :: else -> goto wait fi
    };
    atomic {
      if :: (flags & S) && !ENTITLED -> goto wait :: else fi;
#ifdef D_AT_FIRST_LOOK
      f = flags
#endif
    };
grab:                                       /* take_from() */
#ifndef TAKER_WITHOUT_W
    if :: woken -> raise_waited(0) :: else fi;
#endif
    atomic { take(o); if :: won -> won = 0 :: else -> o = 0; f = 0; goto look fi };
#ifndef S_STAYS
    if :: ENTITLED -> lower(S) :: else fi;
#endif
    if
    :: o != 0 ->
       o = 0;
       raise(DEAD_D | DEAD_W);
       assert(debt);                        /* it answers OWNER_DEAD */
       goto holds
    :: else -> goto taken
    fi;

wait:
    atomic {
      if
      :: spinning -> reserved = 1; o = 0; if :: flags & S -> goto look :: else fi
      :: spinning = 0; goto prepare
      fi
    };
    set(S);
    goto look;

prepare:                                    /* o is what the last look saw */
    atomic {
      if
      :: IN(TRIES) -> goto judge
      :: !IN(TRIES) -> f = W | (reserved -> S : 0)
      :: !IN(TRIES) && woken -> f = W | S
      fi;
#ifdef NEWCOMER_WITHOUT_W
      if :: o == 0 -> f = f & ~W :: else fi;
#endif
#ifndef NO_RECHECK
      o = 0;
#endif
      COUNT_IN
    };
#ifdef NEWCOMER_WITHOUT_W
    if :: (f & W) == 0 -> raise(f) :: else -> raise_waited(f) fi;
#else
    raise_waited(f);
#endif
    f = 0;
#ifdef LOOK_FIRST
    atomic { load_owner() };
#endif
#if !defined(NO_SWIFT) && !defined(NO_MEMBARRIER)
#ifdef CLUMSY_IS_SURE
    if :: IN(CLUMSY) -> goto judge :: else fi;
#endif
    if
    :: d_step { barrier(); unsure = 0 }
    :: d_step { IN(UNSURE) -> locked(); unsure = 1 }
    fi;
#endif
judge:
#ifndef LOOK_FIRST
#ifdef NO_RECHECK
    atomic { f = (o == 0); load_owner(); if :: o != 0 -> f = 0; goto owned :: f && o == 0 -> f = 0; goto sleep :: else fi };
#else
    atomic { load_owner(); if :: o != 0 -> goto owned :: else fi };
#endif
#else
    if :: o != 0 -> goto owned :: else fi;
#endif
    atomic {
      if
      :: (flags & S) && !ENTITLED -> f = 1; goto sleep
      :: else -> goto look
      fi
    };

owned:
    if :: alive[o - 1] :: else -> goto grab fi;
    atomic {
      if :: IN(TRIES) -> goto leave :: else fi;
#ifndef LOOK_FIRST
      f = o;
      load_owner();
      if :: o != f -> o = 0; f = 0; goto look :: else -> f = 0 fi
#endif
    };

sleep:                                      /* f: as it is free, and S */
    atomic { o = 0; AT_GATE };
    if
    :: d_step { g > 0 && SERVED -> locked(); g--; woken = 1; f = 0; GATE_LEFT };
       goto look
    :: d_step { unsure -> f = 0; GATE_LEFT }; goto look
    :: d_step { f == 1 -> f = 0; reserved = 1; GATE_LEFT }; goto look
    :: d_step { IN(TIMES) -> f = 0; GATE_LEFT }; goto leave
    :: d_step { IN(TRIES) && g == 0 -> f = 0; GATE_LEFT }; goto leave
    fi;

leave:
    if :: ENTITLED -> lower(S) :: else fi;
    atomic {
      o = 0; f = 0;
      if
#ifndef NO_POST_TOKEN
      :: woken
#endif
      :: else -> goto after
      fi
    };
    if
    :: d_step { post() }; goto after
    :: d_step { IN(REFUSED) && refusals > 0 -> locked(); refusals-- }
    fi;
#ifdef NO_HANDOVER
    goto after;
#endif
    COUNT_IN;
    raise_waited(0);
#ifndef NO_SWIFT
    d_step { barrier() };
#endif
    atomic {
      load_owner();
      if :: o == 0 -> goto grab_or_leave :: else -> o = 0; goto after fi
    };
grab_or_leave:
    raise_waited(0);
    atomic { take(0); if :: won -> won = 0 :: else -> goto after fi };
    lower(S);
    goto taken;

taken:
    atomic {
#ifdef D_AT_FIRST_LOOK
      assert(debt == ((f & D) != 0));
#else
      assert(debt == ((flags & D) != 0));
#endif
    };

holds:
    atomic {
      COUNT_OUT;
      o = 0; f = 0; woken = 0; reserved = 0; spinning = 0; unsure = 0; told = 0;
      assert(owner == ME && pending == 0);
      if
      :: IN(HANDS) && !handover -> handover = 1; handed = ME; goto out
      :: IN(GIVES) -> goto give
      :: skip
      fi;
      f = flags & (W | D);
#ifdef NO_SWIFT
      goto slow;
#endif
      if :: f || owed > 0 || IN(CLUMSY) -> goto slow :: else fi
    };
    d_step {                                /* the swift release */
      assert(owner == ME && pending == 0 && !debt);
      pending = _pid; holder = 0
    };
    goto freed;

slow: skip;
#ifndef D_CLEARED_LATE
    if :: f & D -> clear(D) :: else fi;
#endif
    d_step {
      assert(owner == ME && pending == 0);
      owner = 0; holder = 0; debt = 0; told = ((f & D) != 0)
    };
#ifdef D_CLEARED_LATE
    if :: f & D -> clear(D) :: else fi;
#endif
    f = 0;
freed: skip;
    hand_on();
#ifndef KEEPS_QUIET
    if                                      /* take_back() */
    :: f == 0 -> goto after
    :: f != 0 && (flags & W) == 0 -> f = 0; goto after
    :: f != 0 && (flags & W) != 0 -> f = 0
    fi;
    atomic { take(0); if :: won -> won = 0 :: else -> told = 0; goto after fi };
    if :: told -> d_step { flags = flags | D; debt = 1; told = 0 } :: else fi;
    goto holds;
#endif

after:
    atomic {
      COUNT_OUT;
      told = 0;
      round++; o = 0; f = 0; woken = 0; reserved = 0; spinning = 0; unsure = 0; won = 0;
      if :: round < ROUNDS -> goto next :: else -> goto out fi
    };

give:
    raise(D);
    d_step { owner = 0; holder = 0; debt = 1 };
    hand_on();
out: skip;
    d_step { threads[p]--; round = 0; o = 0; f = 0; woken = 0; reserved = 0; spinning = 0; unsure = 0; won = 0; announced = 0; told = 0; settling = settling & ~MY_BIT; GATE_LEFT }
  } unless {
    d_step { doom[p]; round = 0; o = 0; f = 0; woken = 0; reserved = 0; spinning = 0; unsure = 0; won = 0; announced = 0; told = 0; settling = settling & ~MY_BIT; GATE_LEFT }
  }
}

#ifdef RELEASER
/* Releases for another, if that one still has it */
proctype releaser(byte p) {
  byte o, f, whose;
  {
    d_step { handed > 0 -> whose = handed };
retry:
    o = owner;
    if :: o != whose -> goto out :: else fi;
    if
    :: alive[o - 1] ->
       d_step {
         if
         :: owner == o ->
            assert(pending == 0); owner = 0; holder = 0; handed = 0;
            /* a death that nobody was told is his to answer for */
            if :: !alive[o - 1] -> debt = ((flags & D) != 0) :: else fi
         :: else -> o = 0
         fi
       };
       if :: o == 0 -> goto retry :: else fi
    :: else ->
#ifdef D_SET_LATE
       d_step { if :: owner == o -> owner = 0 :: else -> o = 0 fi };
       if :: o == 0 -> goto retry :: else fi;
       raise(D)
#else
       d_step { if :: owner == o -> owner = ME :: else -> o = 0 fi };
       if :: o == 0 -> goto retry :: else fi;
       raise(D);
       d_step { assert(owner == ME); owner = 0 }
#endif
    fi;
    o = 0; whose = 0;
    hand_on();
out: skip
  } unless { doom[p] };
  d_step { o = 0; f = 0; whose = 0 }
}
#endif

/* The CPUs' store buffers */
active proctype buffers() {
end:
  do
  :: d_step { pending != 0 -> owner = 0; pending = 0 }
  od
}

proctype killer() {
  byte p;
  do
  :: kills > 0 ->
     atomic {
       select (p : 0 .. (PROCS - 1));
       if :: !doom[p] :: else -> p = 0; goto end fi
     };
     d_step {
       kills--;
       doom[p] = 1;
       if :: pending != 0 && owner == ME -> owner = 0; pending = 0 :: else fi;
#ifdef ALIVE_ELSEWHERE
       g++
     };
     d_step {
#elif !defined(NO_BELL)
       g++;
#endif
       alive[p] = 0;
       if :: owner == ME -> debt = 1 :: else fi;
       if :: holder == ME -> holder = 0 :: else fi;
       if :: handed == ME -> handed = 0 :: else fi;
       p = 0
     }
  :: break
  od;
end:
  p = 0
}

#ifdef STOPS
/* One stops for good, anywhere; while it sleeps the kernel serves it. */
proctype stopper() {
  byte i;
  atomic { select (i : 0 .. (PROCS - 1)); stopped = pid_of[i]; i = 0 };
end:
  do
  :: d_step { g > 0 && (at_gate & (1 << stopped)) -> g--; at_gate = at_gate & ~(1 << stopped) }
  od
}
#endif

init {
  byte o, f;
  byte p = PROCS;
  byte i;
  atomic {
    for (i : 0 .. (PROCS - 1)) {
      alive[i] = 1;
#ifdef RELEASER
      if :: i == PROCS - 1 -> run releaser(i) :: else -> threads[i] = 1; pid_of[i] = run thread(i) fi;
#else
      threads[i] = 1;
      pid_of[i] = run thread(i);
#endif
    }
    i = 1;
    do :: i < THREADS -> threads[0]++; run thread(0); i++ :: else -> break od;
    i = 0;
#ifdef STOPS
    run stopper();
#endif
    run killer()
  };
#ifdef STOPS
  /* Nobody can go on any more: somebody else takes the lock and releases it,
     if it can be had. */
  timeout -> visits = 1;
  if :: owner == 0 -> hand_on() :: else fi;
#endif
  timeout ->
  d_step {
    i = 0;
    do
    :: i < PROCS ->
       assert(!alive[i] || threads[i] == 0 || handed != 0 || pid_of[i] == stopped ||
              (owner != 0 && alive[owner - 1] && pid_of[owner - 1] == stopped));
       i++
    :: else -> break
    od
  }
}
