/* list.pml - a channel's two places for messages: the kernel's queue K, and
   the list L in shared memory.

   What is modelled.  A sender puts a small message into K, raising `sent'
   before, as long as L is empty and K has room; any other goes to L, under
   the list lock.  An operation on L copies the valid one of two states, with
   its changes, into the other one, word by word, and makes that the valid one
   by the one store of `tally' (version and count).  A receiver looks at K by
   the hint sent == received, then at the count, then takes the lock, looks at
   K again, and takes the head of L.  SIGKILL may come before every step; what
   the kernel does at a death (the lock can be taken over, bells ring, the
   writing end falls) is one step with it, as a process that is slow to die
   looks to others like one that is slow.  What is checked:
     - each producer's messages are taken in their order, none twice, and none
       is left out: what a killed receiver had taken counts as taken;
     - no torn state: count and state agree whenever the lock is had;
     - the end of file is told only when nothing is left;
     - in the end all that was put is taken, or there;
     - with LIMIT: never more than LIMIT in L;
     - with ASKS: qsize is exact at the instant when K was asked;
     - with GATES: in the end nobody sleeps while there is a message, or no
       writer, or (with LIMIT, at the send gate) room.
   Without GATES who finds nothing waits until there is something.  With GATES
   it looks, announces itself, looks, sleeps, as in gate.pml: token word, baton
   on leaving, and a bell at each gate for each process; and the state and its
   commit are one step then, as the searches without have shown that they are.

   Sizes:
     -DFIRST=n -DSECOND=n    messages of sender 0 and of sender 1
     -DRECEIVERS=n -DROOM=n (of K) -DKILLS=n
     -DLARGE=mask   of messages that are large (the others: either)
     -DLIMIT=n    always L, and at most n; senders sleep at the send gate
     -DPIPE       (with LIMIT) K first, as without LIMIT; the limit is L's
   Mutants (each must fail; those with a + are not in t/model/run):
     -DHINT_LATE      sent is counted after msgsnd
     -DK_ONCE         a receiver does not look at K again under the lock
     -DK_ANYWAY       a small message goes to K although L is not empty
     -DTWO_STORES     the count is stored before the version
     -DSAME_COPY      the state is changed in its valid copy
     -DNO_LAST_LOOK   + the end of file without a look after the last writer
     -DASKS_ONCE      qsize does not look at the tally again
     -DASKS_COUNT     + it looks whether the count is the same, no more
     -DWAKE_EARLY     sleepers are looked for before the commit (which is also
                      a commit by a store that the look may overtake)
     -DBATON_OF_K     who passes the baton on looks at K only
     -DNO_BELL        the kernel adds nothing to a gate at a death           */

#ifndef FIRST
#define FIRST 2
#endif
#ifndef SECOND
#define SECOND 1
#endif
#ifndef RECEIVERS
#define RECEIVERS 2
#endif
#ifndef ROOM
#define ROOM 1
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef LARGE
#define LARGE 0
#endif
#if SECOND > 0
#define SENDERS 2
#else
#define SENDERS 1
#endif
#define PROCS (SENDERS + RECEIVERS)
#define NOBODY PROCS

chan K = [ROOM] of { byte };
byte sent = 0, received = 0;

byte lock = NOBODY;
byte version = 0, count = 0;        /* the tally: one word */
byte head[2], end[2];               /* the two states: read, written */
byte list[FIRST + SECOND + 1];      /* the blocks; from end on, it is junk */
#define VALID (version & 1)
#ifdef SAME_COPY
#define COPY VALID
#define NEXT(v) (v)
#else
#define COPY (1 - VALID)
#ifdef ASKS
#define NEXT(v) ((v) + 1)
#else
#define NEXT(v) (1 - (v))           /* nobody compares versions */
#endif
#endif

#define RECEIVE 0
#define SEND 1
byte g[2], sleepers[2];
bool token[2];

byte writers = SENDERS;
bool dead[PROCS], asleep[PROCS], closed[PROCS], ended[PROCS];
byte kills;                         /* that are to come */

byte put = 0;                       /* messages that were committed */
byte taken[2];                      /* of each producer */

#define FULL (count >= LIMIT)
#define SOMETHING (len(K) > 0 || count > 0)
#ifdef BATON_OF_K
#define MORE (len(K) > 0 || writers == 0)
#else
#define MORE (SOMETHING || writers == 0)
#endif

inline wake(gate) {
  if
  :: d_step { sleepers[gate] > 0 && token[gate] == 0 -> token[gate] = 1 };
     g[gate]++
  :: sleepers[gate] == 0 || token[gate] == 1
  fi
}

/* Who is announced now looks again; who was, sleeps, and looks again */
inline sleep(gate) {
  if
  :: !announced -> atomic { sleepers[gate]++; announced = 1 }
  :: else ->
     asleep[p] = 1;
     atomic { g[gate] > 0 -> g[gate]--; asleep[p] = 0; had = 1 };
     token[gate] = 0
  fi
}

inline leave(gate, more) {
  if :: announced -> atomic { sleepers[gate]--; announced = 0 } :: else fi;
  if
  :: had && more -> had = 0; wake(gate)
  :: had && !(more) -> had = 0
  :: !had
  fi
}

inline take(m) {
  assert(m > 0 && taken[(m - 1) & 1] == (m - 1) >> 1);
  taken[(m - 1) & 1]++
}

#ifdef GATES
#define BEGIN atomic
#else
#define BEGIN
#endif

inline lock_list() {
  lock == NOBODY || dead[lock] -> lock = p;
  assert(count == end[VALID] - head[VALID])
}

/* In one step: `received' is read before `sent', so equal is exact, as of
   then; and a msgrcv where they differ does no harm. */
inline try_k(hint) {
  ok = 0;
  if
  :: (hint) && sent == received
  :: else ->
     ok = len(K) > 0;
     if :: ok -> K?m; take(m); m = 0 :: else fi
  fi
}

proctype receiver(byte p) {
  byte m = 0;
  bool ok, had, announced, last;
  {
    skip;
look:
    atomic { try_k(!had && !last) };
    if
    :: ok -> goto counted
    :: !ok && count == 0
    :: !ok && count > 0 ->
       atomic {
         lock_list();
#ifndef K_ONCE
         try_k(true);
#endif
         if
         :: !ok && count > 0 ->
            m = list[head[VALID]];
            end[COPY] = end[VALID]
         :: else -> lock = NOBODY
         fi
       };
       if
       :: ok -> goto counted
       :: !ok && m == 0
       :: !ok && m > 0 ->
          BEGIN {
            head[COPY] = head[VALID] + 1;
#ifdef TWO_STORES
            atomic { take(m); m = 0; last = 0; count-- };
            atomic { version = NEXT(version); lock = NOBODY };
#else
            d_step {
              take(m); m = 0; last = 0; count--; version = NEXT(version);
              lock = NOBODY
            };
#endif
          };
#if defined(LIMIT) && defined(GATES)
          wake(SEND);
#endif
          goto got
       fi
    fi;
    if
#ifdef NO_LAST_LOOK
    :: writers == 0 ->
#else
    :: atomic { writers == 0 && !last -> last = 1 };
       goto look
    :: writers == 0 && last ->
#endif
       assert(put == taken[0] + taken[1]);
       goto end_of_file
#ifdef GATES
    :: writers > 0 -> sleep(RECEIVE)
#else
    :: writers > 0 && (SOMETHING || writers == 0)
#endif
    fi;
    goto look;
counted:
    atomic { received++; ok = 0; last = 0 };
got:
#ifdef GATES
    leave(RECEIVE, MORE);
    if
    :: goto look
    :: skip                                     /* it has had enough */
    fi;
    goto gone;
end_of_file:
    leave(RECEIVE, MORE);
gone:
    skip
#else
    goto look;
end_of_file:
    skip
#endif
  } unless { dead[p] };
  atomic { ended[p] = 1; m = 0; ok = 0; had = 0; announced = 0; last = 0 }
}

proctype sender(byte p; byte messages) {
  byte i = 0;
  bool ok, was, had, announced;
  {
    do
    :: i < messages ->
       do
       ::
#if !defined(LIMIT) || defined(PIPE)
          if
#ifdef K_ANYWAY
          :: atomic {
               ((LARGE >> i) & 1) == 0 ->
#else
          :: atomic {
               ((LARGE >> i) & 1) == 0 && count == 0 ->
#endif
#ifndef HINT_LATE
               sent++
#endif
             };
             d_step {
               ok = len(K) < ROOM;
               if :: ok -> K!(1 + p + 2 * i); put++ :: else fi
             };
#ifdef HINT_LATE
             if :: ok -> sent++; break :: else fi
#else
             if :: ok -> break :: else -> sent-- fi
#endif
          :: true                       /* it is large, or L is not empty */
          fi;
#endif
          BEGIN {
#ifdef WAKE_EARLY
            was = sleepers[RECEIVE] > 0;
          };
          BEGIN {
#endif
            atomic {
              lock_list();
#ifdef LIMIT
              ok = !FULL;
#else
              ok = 1;
#endif
              if
              :: ok ->
                 list[end[VALID]] = 1 + p + 2 * i;
                 head[COPY] = head[VALID]
              :: else -> lock = NOBODY
              fi
            };
            if
            :: ok ->
               end[COPY] = end[VALID] + 1;
#ifdef TWO_STORES
               atomic { put++; count++ };
               atomic { version = NEXT(version); lock = NOBODY };
#else
               d_step {
                 put++; count++; version = NEXT(version); lock = NOBODY
               };
#endif
               break
            :: else
            fi
          };
#if defined(LIMIT) && defined(GATES)
          sleep(SEND)
#elif defined(LIMIT)
          !FULL
#endif
       od;
#ifdef LIMIT
       assert(count <= LIMIT);
#endif
#ifdef WAKE_EARLY
       if :: was -> wake(RECEIVE) :: else fi;
#elif defined(GATES)
       wake(RECEIVE);
#endif
#if defined(LIMIT) && defined(GATES)
       leave(SEND, !FULL);
#endif
       atomic { i++; ok = 0; was = 0 }
    :: else -> break
    od;
#ifdef GATES
    if
    :: d_step { writers--; closed[p] = 1; g[RECEIVE]++ }
    :: skip                                     /* it keeps its end open */
    fi
#else
    atomic { writers--; closed[p] = 1 }
#endif
  } unless { dead[p] };
  atomic { ended[p] = 1; i = 0; ok = 0; was = 0; had = 0; announced = 0 }
}

#ifdef ASKS
proctype asker() {
  byte v, c, k, truly;
  do
  :: atomic { v = version; c = count };
     d_step { k = len(K); truly = k + count };
     if
#ifdef ASKS_COUNT
     :: count == c ->
#elif defined(ASKS_ONCE)
     :: true ->
#else
     :: version == v && count == c ->
#endif
        assert(k + c == truly);
        break
     :: else
     fi
  od
}
#endif

proctype killer() {
  byte p;
  do
  :: kills > 0 ->
     atomic {
       select (p : 0 .. (PROCS - 1));
       if
       :: !dead[p] && (!ended[p] || (p < SENDERS && !closed[p])) ->
          dead[p] = 1;
          asleep[p] = 0;
          kills--;
#if defined(GATES) && !defined(NO_BELL)
          g[RECEIVE]++;
#ifdef LIMIT
          g[SEND]++;
#endif
#endif
          if :: p < SENDERS && !closed[p] -> writers-- :: else fi
       :: else
       fi;
       p = 0
     }
  od
}

init {
  byte i, m;
  atomic {
    select (kills : 0 .. KILLS);
    run sender(0, FIRST);
#if SECOND > 0
    run sender(1, SECOND);
#endif
    for (i : SENDERS .. (PROCS - 1)) {
      run receiver(i)
    }
    run killer();
#ifdef ASKS
    run asker();
#endif
    i = 0
  }
  timeout;
  atomic {
    for (i : 0 .. (PROCS - 1)) {
      if
      :: !asleep[i]
#ifdef LIMIT
      :: asleep[i] && i < SENDERS -> assert(FULL)
#endif
      :: asleep[i] && i >= SENDERS -> assert(!SOMETHING && writers > 0)
      fi
    }
    assert(count == end[VALID] - head[VALID]);
    do
    :: len(K) > 0 -> K?m; take(m)
    :: len(K) == 0 && head[VALID] < end[VALID] ->
       take(list[head[VALID]]);
       head[VALID] = head[VALID] + 1
    :: len(K) == 0 && head[VALID] == end[VALID] -> break
    od;
    assert(put == taken[0] + taken[1])
  }
}
