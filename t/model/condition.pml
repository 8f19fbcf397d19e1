/* condition.pml - a condition: a table of who waits (lib/condition.c,
   lib/waiters.c).

   What is modelled.  Who waits claims an entry, writes a ticket into its word,
   lets go of the lock, and sleeps at a broadcast (broadcast.pml; its turns do
   not begin anew here) until the word is another one, or its time is up: then
   it takes its word back, if nobody has changed it.  It takes the lock again,
   and gives its entry back.  A notifier, who has the lock, changes the word of
   the longest waiting to `notified', for all tickets that are out, and wakes
   all.  Who was woken hands on what was for the dead: it takes such an entry
   over, notifies the longest waiting of those it may be for, and then frees it.
   SIGKILL may come before every step; a death lets go of the lock and rings the
   bell of the broadcast, in one step.  What is checked:
     - in the end no living one sleeps who was notified, nor while fewer waits
       have returned than were notified, if the notification may be its;
     - nobody returns as notified who was not, and not more than were notified,
       but for what was handed on by one who was killed in the middle of that.

   -DWAITERS=n -DENTRIES=n  processes that wait; entries there are for them
   -DROUNDS=n        waits of each
   -DNOTIFIES=n      so many are notified, one after the other
   -DTIMEOUTS        waiter 0 may run out of time     -DKILLS=n
   -DIN_TURN         they come one after the other, and then the notifier
   -DVICTIMS=n       who may be killed, a bit each

   Mutants (each must fail):
     -DNO_BELL         no bell rings
     -DNO_INHERIT      who was woken does not look for the dead
     -DNO_WAKE         who has handed on wakes nobody
     -DFREED_FIRST     the dead one's entry is freed before another is notified
     -DNO_OWNER        it is not taken over before, but freed by its word
     -DUSED_EARLY      an entry is given back before the lock is had again
     -DNO_RETRACT      who has run out of time does not look whether it was
                       notified
     -DTRUSTED         what was taken over is not looked at again
     -DWORD_LATE       the word of one who is dead is read before it is taken
                       over, and the other one's wiped from there
     -DNO_TICKETS      what is handed on is for waits that began later, too  */

#ifndef WAITERS
#define WAITERS 2
#endif
#ifndef ENTRIES
#define ENTRIES WAITERS
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef NOTIFIES
#define NOTIFIES 1
#endif
#ifndef VICTIMS
#define VICTIMS 255
#endif
#ifndef KILLS
#define KILLS 1
#endif
#define PROCS (WAITERS + 1)
#define NOTIFIER WAITERS
#define NOBODY 255
/* What was handed on by one who was killed in it may come twice */
#define TWICE ((KILLS - kills > 1) * (KILLS - kills - 1))

#define WAITING(n)  (2 * (n))
#define NOTIFIED(n) (2 * (n) + 1)
#define IS_WAITING(w)  ((w) != 0 && (w) % 2 == 0)
#define IS_NOTIFIED(w) ((w) % 2 == 1)
#define TICKET(w)      ((w) / 2)

byte owner[ENTRIES] = NOBODY;
byte word[ENTRIES];
byte tickets = 0;
byte lock = NOBODY;             /* its owner */
byte turn = 0, side = 0, sleepers = 0;

byte doom[PROCS];
bool ended[PROCS], dead[PROCS];
bool asleep[WAITERS];
byte waits[WAITERS];            /* the word while it waits */
byte entry[WAITERS];
byte kills = KILLS;

byte given = 0, returned = 0;
byte last = 0;                  /* the tickets of the last notification */

inline acquire() {
  atomic { lock == NOBODY || dead[lock] -> lock = p }
}

inline wake() {
  if :: sleepers > 0 -> turn++ :: else fi
}

/* CAS: ok */
inline cas(x, from, to) {
  atomic { ok = x == from; if :: x == from -> x = to :: else fi }
}

/* Of e2, whose word was w2: ok, if it is marked for n */
inline mark_one(n) {
  do
  :: atomic { e2 = 0; w2 = 0; f = NOBODY };
     do
     :: e2 < ENTRIES ->
        atomic {
          if
#ifdef NO_TICKETS
          :: IS_WAITING(word[e2]) && (f == NOBODY || word[e2] < w2) ->
#else
          :: IS_WAITING(word[e2]) && TICKET(word[e2]) <= n &&
             (f == NOBODY || word[e2] < w2) ->
#endif
             f = e2; w2 = word[e2]
          :: else
          fi;
          e2++
        }
     :: else -> break
     od;
     if
     :: f == NOBODY -> ok = 0; break
     :: else
     fi;
     o2 = owner[f];
     if
     :: o2 == NOBODY || dead[o2] ->
        cas(word[f], w2, 0);
        if :: ok -> cas(owner[f], o2, NOBODY); ok = 0 :: else fi
     :: else ->
        atomic {
          ok = word[f] == w2;
          if :: ok -> word[f] = NOTIFIED(n) :: else fi;
          if :: ok && p == NOTIFIER -> given++; last = n :: else fi
        };
        if :: ok -> break :: else fi
     fi
  od;
  atomic { e2 = 0; w2 = 0; f = 0; o2 = 0 }
}

inline free_entry(e) {
  word[e] = 0;
  owner[e] = NOBODY
}

/* Entry e is ours, and notified */
inline hand_on(e) {
  w = word[e];
#ifdef FREED_FIRST
  free_entry(e);
#endif
  mark_one(TICKET(w));
#ifndef NO_WAKE
  if :: ok -> wake() :: else fi;
#endif
#ifndef FREED_FIRST
  free_entry(e)
#endif
}

/* Entry e is ours now; but it may be another wait's than that which was
   notified */
inline take_over(e) {
#ifndef TRUSTED
  w = word[e];
  if
  :: IS_WAITING(w) -> cas(word[e], w, 0)
  :: else -> ok = 0
  fi;
  if
  :: ok || w == 0 -> owner[e] = NOBODY
  :: else -> hand_on(e)
  fi
#else
  hand_on(e)
#endif
}

inline inherit() {
  e = 0;
  do
  :: e < ENTRIES ->
     w = word[e];
     if
     :: IS_NOTIFIED(w) ->
        o = owner[e];
        if
        :: o == NOBODY || dead[o] ->
#ifdef WORD_LATE
           w = word[e];
           if
           :: !IS_NOTIFIED(w) ->
              cas(word[e], w, 0);
              if :: ok -> cas(owner[e], o, NOBODY) :: else fi;
              ok = 0
           :: else ->
              if :: o != NOBODY -> cas(owner[e], o, p) :: else -> ok = 0 fi
           fi;
           if :: ok -> hand_on(e) :: else fi
#elif defined(NO_OWNER)
           mark_one(TICKET(w));
           if :: ok -> wake() :: else fi;
           cas(word[e], w, 0);
           if :: ok -> cas(owner[e], o, NOBODY) :: else fi
#else
           if :: o != NOBODY -> cas(owner[e], o, p) :: else -> ok = 0 fi;
           if :: ok -> take_over(e) :: else fi
#endif
        :: else
        fi
     :: else
     fi;
     atomic { e++; w = 0; o = 0; ok = 0 }
  :: else -> break
  od;
  e = 0
}

proctype waiter(byte p) {
  byte d = 0, t = 0, mine = 0, n = 0;
  byte e = 0, w = 0, o = 0, e2 = 0, w2 = 0, o2 = 0, f = 0;
  bool ok = 0;
  {
#ifdef IN_TURN
    tickets == p;
#endif
    skip;
again:
    acquire();
    /* waiters_claim() */
    atomic {
      if
      :: owner[0] == NOBODY -> e = 0
      :: owner[0] != NOBODY && ENTRIES > 1 && owner[(1) % ENTRIES] == NOBODY -> e = 1
      :: owner[0] != NOBODY && ENTRIES > 2 && owner[(1) % ENTRIES] != NOBODY &&
         owner[(2) % ENTRIES] == NOBODY -> e = 2
      fi;
      owner[e] = p; entry[p] = e; mine = e; e = 0
    };
    atomic { tickets++; w = tickets };
    atomic { word[mine] = WAITING(w); waits[p] = WAITING(w); w = 0 };
    lock = NOBODY;
    sleepers++;
    do
    :: d = side;
       t = turn;
       if :: word[mine] != waits[p] -> goto told :: else fi;
#ifndef NO_INHERIT
       inherit();
#endif
       if :: word[mine] != waits[p] -> goto told :: else fi;
       asleep[p] = 1;
       if
       :: atomic { turn > t || side != d -> asleep[p] = 0 }
#ifdef TIMEOUTS
       :: p == 0 ->
          asleep[p] = 0;
          sleepers--;
#ifdef NO_RETRACT
          word[mine] = 0; ok = 1;
#else
          cas(word[mine], waits[p], 0);
#endif
          if
          :: ok -> owner[mine] = NOBODY; acquire(); goto over
          :: else -> goto notified
          fi
#endif
       fi;
       atomic { d = 0; t = 0 }
    od;
told:
    sleepers--;
notified:
    atomic {
      assert(IS_NOTIFIED(word[mine]));
      assert(TICKET(word[mine]) >= TICKET(waits[p]));
      d = 0; t = 0; ok = 0
    };
#ifdef USED_EARLY
    free_entry(mine);
    acquire();
    atomic { returned++; assert(returned <= given + TWICE) };
#else
    acquire();
    atomic { word[mine] = 0; returned++; assert(returned <= given + TWICE) };
    owner[mine] = NOBODY;
#endif
over:
    lock = NOBODY;
    atomic {
      n++; mine = 0; d = 0; t = 0; ok = 0;
      if :: n < ROUNDS -> goto again :: else fi
    }
  } unless { doom[p] > 0 };
  atomic {
    asleep[p] = 0; ended[p] = 1; waits[p] = 0; entry[p] = 0;
    d = 0; t = 0; mine = 0; n = 0; e = 0; w = 0; o = 0; e2 = 0; w2 = 0; o2 = 0; f = 0; ok = 0
  }
}

proctype notifier(byte p) {
  byte n = 0, m = 0;
  byte e2 = 0, w2 = 0, o2 = 0, f = 0;
  bool ok = 0;
  {
#ifdef IN_TURN
    tickets == WAITERS;
#endif
    acquire();
    m = tickets;
    do
    :: n < NOTIFIES ->
       mark_one(m);
       if :: ok -> skip :: else -> break fi;
       n++
    :: else -> break
    od;
    wake();
    lock = NOBODY
  } unless { doom[p] > 0 };
  atomic { ended[p] = 1; n = 0; m = 0; e2 = 0; w2 = 0; o2 = 0; f = 0; ok = 0 }
}

proctype killer() {
  byte p;
  do
  :: kills > 0 ->
     select (p : 0 .. (PROCS - 1));
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
  byte i = 0;
  atomic {
    do :: i < WAITERS -> run waiter(i); i++ :: else -> break od;
    run notifier(NOTIFIER);
    run killer();
    i = 0
  }
  timeout -> d_step {
    do
    :: i < WAITERS ->
       if
       :: asleep[i] ->
          assert(word[entry[i]] == waits[i]);
          assert(TICKET(waits[i]) > last || returned >= given)
       :: else
       fi;
       i++
    :: else -> break
    od
  }
}
