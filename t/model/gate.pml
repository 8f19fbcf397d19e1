/* gate.pml - the receive gate of a channel (lib/gate.c, lib/gate.h: gate_wake,
   gate_sleep; lib/channel-receive.c: look, more, channel_hint_empty).

   What is modelled.  Senders put messages into the kernel's queue and wake the
   gate; receivers announce themselves, look, sleep, and look again.  `g' is the
   gate's semaphore; a receiver that sleeps there is handed its token in the step
   that raises it.  `told' counts tokens since `look' last went up, which it does
   with each look; both are one word.  `sleepers' counts who is announced,
   `writers' is the kernel's count of writing ends.  Processes may have two
   threads; SIGKILL may come before every step, and then, when the last thread
   has stopped, the process's one bell adds 1 to g and its writing end falls, in
   one step (one set).  SIGSTOP may stop a process before every step for good,
   and the kernel may refuse a sender's wake-ups.  What is checked: in the end
   nobody sleeps while there is a message, or no writer; with STOPS or REFUSED,
   nobody who runs after one more put by a process that runs and may wake.

   Sizes:
     -DRECEIVERS=n -DRECEIVER_THREADS=n  processes and threads that receive
     -DSENDERS=n -DSENDER_THREADS=n      that send
     -DMESSAGES=n      messages of a sending thread      -DKILLS=n
     -DTIMEOUTS        receivers of process 0 may run out of time, with or
                       without a token in hand
     -DHINTS           the look before the first sleep trusts sent == received
     -DKEEPS_OPEN      somebody else holds a writing end for ever (no EOF)
     -DCLOSES          senders close their end before they leave

     -DSTOPS=n         so many are stopped for good
     -DREFUSED         the first sender can wake nobody
     -DLEFT=n          dead ones have left the count of sleepers so much too high

   Mutants (each must fail):
     -DNO_BELL           the kernel adds nothing at a death
     -DNO_BATON          who had a token and leaves does not wake the next
     -DBATON_ON_SUCCESS  he does, but not after a timeout
     -DNO_LOOK           a look does not set the count of those told to 0
     -DLOOK_LATE         it does so when it is over
     -DCOUNT_FIRST       a token is counted, then posted
     -DONE_IS_ENOUGH     where a token lies at the gate, all count as told
     -DHEALS             somebody zeroes `sleepers' where the kernel has none
     -DHINT_LATE         (with HINTS) sent is counted after msgsnd
     -DLOOK_FIRST        a receiver looks before it announces itself, only

   Not in t/model/run, as the searches take too long to have been seen to fail:
     -DCOUNT_BLIND       it is counted whether or not a look has begun
     -DCOUNT_FORGETS     it is not, but the looks are not counted either
     -DSLEEPERS_FIRST    the count of sleepers is read before those told  */

#ifndef RECEIVERS
#define RECEIVERS 2
#endif
#ifndef RECEIVER_THREADS
#define RECEIVER_THREADS 1
#endif
#ifndef SENDERS
#define SENDERS 1
#endif
#ifndef SENDER_THREADS
#define SENDER_THREADS 1
#endif
#ifndef MESSAGES
#define MESSAGES 1
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef STOPS
#define STOPS 0
#endif
#ifndef LEFT
#define LEFT 0
#endif
#define PROCS (RECEIVERS + SENDERS)
#define SLEEPERS (RECEIVERS * RECEIVER_THREADS)
#define ALL 15

byte queue = 0;                 /* messages */
byte g = 0;
byte sleepers = LEFT;
byte told = 0, looks = 0;       /* one word */
#ifdef KEEPS_OPEN
byte writers = SENDERS + 1;
#else
byte writers = SENDERS;
#endif
byte sent = 0, received = 0;
byte doom[PROCS];               /* 1: SIGKILL sent, 2: undone */
byte threads[PROCS];
bool closed[PROCS];
byte kills = KILLS;

bool asleep[SLEEPERS];          /* each receiving thread, and */
bool handed[SLEEPERS];          /* whether it was handed a token there */
byte in_semop = 0;              /* threads asleep: what GETNCNT tells */
byte stops = STOPS;
bool halted[PROCS + 20];        /* by the number of the thread */

/* g is raised by 1, in an atomic sequence */
inline raise() {
  if
  :: in_semop == 0 -> g++
  :: SLEEPERS > 0 && asleep[0] -> asleep[0] = 0; handed[0] = 1; in_semop--
#if RECEIVERS * RECEIVER_THREADS > 1
  :: asleep[1] -> asleep[1] = 0; handed[1] = 1; in_semop--
#endif
#if RECEIVERS * RECEIVER_THREADS > 2
  :: asleep[2] -> asleep[2] = 0; handed[2] = 1; in_semop--
#endif
#if RECEIVERS * RECEIVER_THREADS > 3
  :: asleep[3] -> asleep[3] = 0; handed[3] = 1; in_semop--
#endif
  fi
}

/* compare-and-swap */
inline count_told(to) {
  d_step {
#ifdef COUNT_BLIND
    told = to
#else
    if :: looks == wl && told == wt -> told = to :: else fi
#endif
  }
}

inline wake(may) {
  do
  :: atomic { sleepers == 0 -> break }
  :: atomic { sleepers > 0 -> skip };
#ifdef SLEEPERS_FIRST
     ws = sleepers;
     atomic { wl = looks; wt = told; if :: wt >= ws -> break :: else fi };
#else
     d_step { wl = looks; wt = told };
     atomic { ws = sleepers; if :: wt >= ws -> break :: else fi };
#endif
#ifdef COUNT_FIRST
     count_told(wt + 1);
#endif
     atomic {
       if
       :: !may -> break
       :: may && g == 0 -> raise(); ok = 1
       :: may && g > 0
       fi
     };
     if
     :: ok ->
#ifdef COUNT_FIRST
        break
#else
        count_told(wt + 1); break
#endif
     :: atomic {
          !ok -> wg = g;
#ifdef ONE_IS_ENOUGH
          if :: wg > 0 -> ws = wg :: else fi
#endif
        };
        if
        :: atomic { wg == 0 -> wl = 0; wt = 0; ws = 0 }
        :: wg >= ws -> count_told(ALL); break
        :: atomic { wg > 0 && wg < ws -> if :: g == wg -> g++; ok = 1 :: else fi };
           if
           :: ok -> count_told(wt + 1); break
           :: atomic { !ok -> wl = 0; wt = 0; ws = 0; wg = 0 }
           fi
        fi
     fi
  od;
  atomic { wl = 0; wt = 0; ws = 0; wg = 0; ok = 0 }
}

inline begin_look() {
#ifndef NO_LOOK
#ifdef COUNT_FORGETS
  told = 0
#else
  d_step { told = 0; looks++ }
#endif
#else
  skip
#endif
}

inline take_message() {
  d_step { if :: queue > 0 -> queue--; ok = 1 :: else -> ok = 0 fi };
  if :: ok -> received++ :: else fi
}

proctype receiver(byte p; byte r) provided (!halted[_pid]) {
  bool ok, late, had = 0, announced = 0;
  byte wl, wt, ws, wg;
  {
    skip;
#ifdef LOOK_FIRST
    take_message();
    if :: ok -> goto leave :: else fi;
#endif
    atomic { sleepers++; announced = 1 };
#ifdef LOOK_FIRST
    if :: writers == 0 -> goto leave :: else fi;
    goto sleep;
#endif
look: skip;
#ifndef LOOK_LATE
    begin_look();
#endif
#ifdef HINTS
    if :: !had && sent == received -> goto nothing :: else fi;
#endif
    take_message();
    if :: ok -> goto leave :: else fi;
nothing: skip;
    if
    :: writers == 0 -> take_message(); goto leave       /* the end of file */
    :: writers > 0
    fi;
#ifdef LOOK_LATE
    begin_look();
#endif
sleep: skip;
    atomic {
      if
      :: g > 0 -> g--; handed[r] = 1
      :: else -> asleep[r] = 1; in_semop++
      fi
    };
    if
    :: atomic { handed[r] -> handed[r] = 0; had = 1 }
#ifdef TIMEOUTS
    :: atomic { p == 0 && asleep[r] -> asleep[r] = 0; in_semop--; late = 1 };
       goto leave
#endif
    fi;
#ifdef TIMEOUTS
    if :: p == 0 -> late = 1; begin_look(); goto leave :: skip fi;
#endif
    goto look;
leave: skip;
    if :: announced -> atomic { sleepers--; announced = 0 } :: else fi;
#ifndef NO_BATON
    if
#ifdef BATON_ON_SUCCESS
    :: had && !late ->
#else
    :: had ->
#endif
       if :: queue > 0 || writers == 0 -> wake(1) :: else fi
    :: else
    fi
#endif
  } unless { doom[p] > 0 };
  atomic {
    if :: asleep[r] -> asleep[r] = 0; in_semop-- :: else fi;
    threads[p]--; handed[r] = 0; had = 0; ok = 0; late = 0; announced = 0;
    wl = 0; wt = 0; ws = 0; wg = 0
  }
}

proctype sender(byte p; byte number) provided (!halted[_pid]) {
  bool ok;
  byte i = 0, wl, wt, ws, wg;
  {
    do
    :: i < MESSAGES ->
#if defined(HINTS) && !defined(HINT_LATE)
       sent++;
#endif
       queue++;
#if defined(HINTS) && defined(HINT_LATE)
       sent++;
#endif
#ifdef REFUSED
       wake(p != RECEIVERS);
#else
       wake(1);
#endif
       i++
    :: else -> break
    od;
#ifdef CLOSES
    if
    :: number == 0 ->
       /* {W,-1}{g,+1}, in one step; those told do not matter to it */
       atomic { writers--; closed[p] = 1; raise() }
    :: else
    fi
#endif
  } unless { doom[p] > 0 };
  atomic { threads[p]--; i = 0; ok = 0; wl = 0; wt = 0; ws = 0; wg = 0 }
}

#if STOPS > 0 || defined(REFUSED)
#define ONE_MORE
proctype last_sender() {
  bool ok;
  byte wl, wt, ws, wg;
#ifdef HINTS
  sent++;
#endif
  queue++;
  wake(1)
}
#endif

#if STOPS > 0
/* Threads have the numbers from 1 on. */
proctype stopper() {
  byte t;
  do
  :: stops > 0 ->
     select (t : 1 .. PROCS);
     atomic { if :: !halted[t] && doom[t - 1] == 0 -> halted[t] = 1; stops-- :: else fi; t = 0 }
  :: break
  od
}
#endif

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
        d_step { doom[p] = 1; kills--; halted[p + 1] = 0 };
        threads[p] == 0;
        atomic {
#ifndef NO_BELL
          raise();
#endif
          doom[p] = 2;
          if :: p >= RECEIVERS && !closed[p] -> writers-- :: else fi
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
      :: i < RECEIVERS ->
         threads[i] = RECEIVER_THREADS;
         j = 0;
         do :: j < RECEIVER_THREADS -> run receiver(i, i * RECEIVER_THREADS + j); j++ :: else -> break od
      :: else ->
         threads[i] = SENDER_THREADS;
         j = 0;
         do :: j < SENDER_THREADS -> run sender(i, j); j++ :: else -> break od
      fi
    }
#if STOPS > 0
    run stopper();
#endif
    run killer();
#ifdef HEALS
    run healer();
#endif
    i = 0; j = 0
  }
#ifdef ONE_MORE
  timeout -> run last_sender();
#endif
  timeout -> d_step {
    for (i : 0 .. (SLEEPERS - 1)) {
      assert(!asleep[i] || halted[i + 1] || (queue == 0 && writers > 0))
    }
  }
}
