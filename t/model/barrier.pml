/* barrier.pml - a barrier (lib/barrier.c, lib/waiters.c).

   What is modelled.  One word: generation, phase, how many have come.  Who
   comes writes the generation into its entry of the table, then raises the
   word; the last one, if none of those that have come is dead, runs the action,
   if there is one, and raises the generation.  The others sleep at a broadcast
   (broadcast.pml; its turns do not begin anew here) until the generation is
   another one, or it is broken: by one whose time is up, or by who finds the
   entry of one who is dead.  A reset marks the entries of its generation, then
   raises it; who comes upon one that is not finished does the same.  Who needs
   an entry takes that of one who is dead, breaks the generation that it is of,
   and frees it.  SIGKILL may come before every step; a death rings the bell of
   the broadcast.  What is checked:
     - in the end no living one sleeps whose generation is decided, or has one
       among those that have come who is dead;
     - who is told that all have come is told so of a generation that was
       completed, each another number; and nobody else of it is told otherwise.

   -DPROCS=n -DROUNDS=n  processes that wait, and how often
   -DPARTIES=n           that it is for             -DKILLS=n
   -DVICTIMS=n           who may be killed, a bit each
   -DACTION              there is one, which may fail
   -DTIMEOUTS            process 0 may run out of time
   -DRESETS              somebody resets it once    -DBURIES  or takes an entry

   Mutants (each must fail):
     -DNO_BELL           no bell rings
     -DNO_LOOK           the last to come does not look for the dead; nor do
                         those that are woken
     -DENTRY_LATE        the entry is written after the word is raised
     -DNO_WAKE           who completes it does not wake the others
     -DNO_MARKS          a reset raises the generation alone
     -DMARKS_LATE        it marks the entries after that
     -DNOT_FINISHED      who comes upon a reset that is not finished begins the
                         next generation without the marks
     -DFREED_UNBROKEN    an entry of the dead is freed, the generation goes on
     -DACTION_STORES     who ran the action stores the next generation
     -DGIVES_UP_BLINDLY  whose time is up breaks it with a store          */

#ifndef PROCS
#define PROCS 2
#endif
#ifndef PARTIES
#define PARTIES 2
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef VICTIMS
#define VICTIMS 255
#endif
#ifndef KILLS
#define KILLS 1
#endif
#define OTHER PROCS             /* resets, or buries */
#define ALL (PROCS + 1)
#define NOBODY 255
#define GENERATIONS 6

/* Phases */
#define FILLING 0
#define RUNNING 1
#define BROKEN 2
#define RESETTING 3
/* The word */
#define STATE(g, p, n) ((g) * 16 + (p) * 4 + (n))
#define GENERATION(s) ((s) / 16)
#define PHASE(s) (((s) / 4) % 4)
#define COUNT(s) ((s) % 4)
#define IN_PHASE(s, p) STATE(GENERATION(s), p, COUNT(s))
#define NEXT(s) STATE(GENERATION(s) + 1, FILLING, 0)
#define PENDING(s) (PHASE(s) < BROKEN)
/* An entry's */
#define ARRIVED(g) (2 * (g) + 1)
#define CANCELLED(g) (2 * (g) + 2)
#define AT(s) ARRIVED(GENERATION(s))

byte state = 0;
byte word[PROCS];
byte owner[PROCS];              /* of entry i it is process i */
byte turn = 0, side = 0, sleepers = 0;

byte doom[ALL];
bool ended[ALL], dead[ALL];
bool asleep[PROCS];
byte generation[PROCS];         /* that each waits for */
byte counted[PROCS];            /* in which it is, plus one */
byte kills = KILLS;

bool completed[GENERATIONS];
bool cancelled[GENERATIONS];
byte told[GENERATIONS];         /* a bit for each number */

inline wake() {
  if :: sleepers > 0 -> turn++ :: else fi
}

/* ok: it was in state s */
inline change(s, to) {
  atomic {
    ok = state == s;
    if
    :: ok ->
       if
       :: GENERATION(to) != GENERATION(s) && PHASE(s) != RESETTING ->
          completed[GENERATION(s)] = 1
       :: else
       fi;
       state = to;
       assert(GENERATION(state) < GENERATIONS)
    :: else
    fi
  }
}

/* found: one of the generation of s is dead */
inline look_for_dead(s) {
  atomic { found = 0; i = 0 };
#ifndef NO_LOOK
  do
  :: i < PROCS && !found ->
     if
     :: word[i] == AT(s) ->
        atomic { o = owner[i]; found = o == NOBODY || dead[o]; o = 0 }
     :: else
     fi;
     i++
  :: else -> break
  od;
  i = 0
#endif
}

inline break_from(s) {
  change(s, IN_PHASE(s, BROKEN));
  if :: ok -> wake() :: else fi
}

inline finish_reset(s) {
#if !defined(NO_MARKS) && !defined(MARKS_LATE)
  mark_all(s);
#endif
  change(s, NEXT(s))
#ifdef MARKS_LATE
  ; mark_all(s)
#endif
}

inline mark_all(s) {
  i = 0;
  do
  :: i < PROCS ->
     atomic { if :: word[i] == AT(s) -> word[i] = CANCELLED(GENERATION(s)) :: else fi; i++ }
  :: else -> break
  od;
  i = 0
}

/* What one is told of generation g */
inline tell_number(g) {
  d_step {
    assert(completed[g]);
    assert((told[g] & (1 << index)) == 0);
    told[g] = told[g] | (1 << index)
  }
}

inline tell_broken(g) {
  assert(!completed[g])
}

inline outcome() {
  if
  :: word[p] == CANCELLED(g) -> tell_broken(g)
  :: else -> if :: comes -> tell_number(g) :: else -> goto again fi
  fi
}

proctype process(byte p) {
  byte s = 0, g = 0, index = 0, next = 0, n = 0;
  byte d = 0, t = 0, i = 0, o = 0;
  bool ok = 0, found = 0, comes = 0;
  {
    skip;
again:
    /* pass() */
    s = state;
    if
    :: PHASE(s) == BROKEN -> goto leave
    :: PHASE(s) == RESETTING ->
#ifdef NOT_FINISHED
       change(s, NEXT(s));
#else
       finish_reset(s);
#endif
       goto again
    :: PHASE(s) == RUNNING ->
       atomic { word[p] = 0; g = GENERATION(s); generation[p] = g; comes = 0 };
       goto wait
    :: else
    fi;
    /* arrive() */
    atomic {
      g = GENERATION(s); index = COUNT(s); comes = 1; generation[p] = g;
      next = s + 1;
      if
      :: COUNT(s) + 1 == PARTIES ->
#ifdef ACTION
         next = IN_PHASE(s + 1, RUNNING)
#else
         next = NEXT(s)
#endif
      :: else
      fi
    };
#ifndef ENTRY_LATE
    word[p] = ARRIVED(g);
#endif
    if
    :: next != s + 1 ->
       look_for_dead(s);
       if :: found -> break_from(s); goto again :: else fi
    :: else
    fi;
    atomic {
      change(s, next);
      if :: ok -> counted[p] = g + 1 :: else fi
    };
    if :: !ok -> goto again :: else fi;
#ifdef ENTRY_LATE
    word[p] = ARRIVED(g);
#endif
    if
    :: next == s + 1 -> goto wait
    :: else
    fi;
    /* let_go() */
#ifdef ACTION
    atomic {
      s = next;
      if :: next = NEXT(s) :: next = IN_PHASE(s, BROKEN) fi
    };
#ifdef ACTION_STORES
    atomic {
      if :: PHASE(next) == FILLING -> completed[g] = 1 :: else fi;
      state = next; ok = 1
    };
#else
    change(s, next);
#endif
    if :: !ok -> tell_broken(g); goto leave :: else fi;
#endif
#ifndef NO_WAKE
    wake();
#endif
    if :: PHASE(next) == BROKEN -> tell_broken(g) :: else -> tell_number(g) fi;
    goto leave;
wait:
    atomic { ok = 0; found = 0; next = 0 };
    sleepers++;
    do
    :: d = side;
       t = turn;
look:
       s = state;
       if
       :: GENERATION(s) != g -> sleepers--; outcome(); goto leave
       :: GENERATION(s) == g && !PENDING(s) -> sleepers--; tell_broken(g); goto leave
       :: else
       fi;
       look_for_dead(s);
       if :: found -> break_from(s); goto look :: else fi;
       atomic { asleep[p] = 1; s = 0 };
       if
       :: atomic { turn > t || side != d -> asleep[p] = 0 }
#ifdef TIMEOUTS
       :: p == 0 ->
          asleep[p] = 0;
          sleepers--;
          do
          :: s = state;
             if
             :: GENERATION(s) != g -> outcome(); goto leave
             :: GENERATION(s) == g && !PENDING(s) -> tell_broken(g); goto leave
             :: else
             fi;
#ifdef GIVES_UP_BLINDLY
             state = STATE(g, BROKEN, COUNT(s));
             ok = 1;
#else
             break_from(s);
#endif
             if :: ok -> tell_broken(g); goto leave :: else fi
          od
#endif
       fi;
       atomic { d = 0; t = 0 }
    od;
leave:
    atomic { word[p] = 0; counted[p] = 0 };
    atomic {
      n++; s = 0; g = 0; index = 0; next = 0; d = 0; t = 0; ok = 0; found = 0; comes = 0;
      if :: n < ROUNDS -> goto again :: else fi
    }
  } unless { doom[p] > 0 };
  atomic {
    asleep[p] = 0; ended[p] = 1;
    s = 0; g = 0; index = 0; next = 0; n = 0; d = 0; t = 0; i = 0; o = 0; ok = 0; found = 0; comes = 0
  }
}

proctype other(byte p) {
  byte s = 0, i = 0;
  bool ok = 0;
  {
#ifdef RESETS
    s = state;
    do
    :: PHASE(s) != RESETTING ->
       change(s, IN_PHASE(s, RESETTING));
       if :: ok -> s = IN_PHASE(s, RESETTING) :: else -> s = state fi
    :: else -> break
    od;
    finish_reset(s);
    wake()
#endif
#ifdef BURIES
    atomic {
      if
      :: dead[owner[0]] -> i = 0
      :: dead[owner[1]] -> i = 1
      fi;
      owner[i] = p
    };
#ifndef FREED_UNBROKEN
    do
    :: s = state;
       if
       :: PENDING(s) && word[i] == AT(s) ->
          break_from(s);
          if :: ok -> break :: else fi
       :: else -> break
       fi
    od;
#endif
    word[i] = 0;
    owner[i] = NOBODY
#endif
    skip
  } unless { doom[p] > 0 };
  atomic { ended[p] = 1; s = 0; i = 0; ok = 0 }
}

proctype killer() {
  byte p;
  do
  :: kills > 0 ->
     select (p : 0 .. (ALL - 1));
     if
     :: doom[p] == 0 && (VICTIMS & (1 << p)) ->
        d_step { doom[p] = 1; kills-- };
        ended[p];
        d_step {
          dead[p] = 1;
#ifndef NO_BELL
          side++
#endif
        }
     :: else
     fi
  :: break
  od
}

init {
  byte i = 0, j = 0;
  atomic {
    do
    :: i < PROCS -> owner[i] = i; run process(i); i++
    :: else -> break
    od;
    run other(OTHER);
    run killer();
    i = 0
  }
  timeout -> d_step {
    do
    :: i < PROCS ->
       if
       :: asleep[i] ->
          assert(generation[i] == GENERATION(state) && PENDING(state));
          j = 0;
          do
          :: j < PROCS ->
             assert(counted[j] != generation[i] + 1 || !dead[j]);
             j++
          :: else -> break
          od
       :: else
       fi;
       i++
    :: else -> break
    od
  }
}
