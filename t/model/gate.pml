/* gate.pml - the receive gate of a channel (lib/gate.c, lib/gate.h: gate_wake,
   gate_sleep; lib/channel-receive.c: look, more, channel_hint_empty).

   What is modelled.  Senders put messages into the kernel's queue and wake the
   gate; receivers announce themselves, look, sleep, and look again.  `g' is the
   gate's semaphore, `token' the word that says that a token is out, `sleepers'
   the word that counts who is announced, `writers' the kernel's count of
   writing ends.  Processes may have two threads; SIGKILL may come before every
   step, and then, when the last thread has stopped, the process's one bell adds
   1 to g and its writing end falls, in one step (one set).  What is checked: in
   the end nobody sleeps while there is a message, or no writer.

   Sizes:
     -DRECEIVERS=n -DRECEIVER_THREADS=n  processes and threads that receive
     -DSENDERS=n -DSENDER_THREADS=n      that send
     -DMESSAGES=n      messages of a sending thread      -DKILLS=n
     -DTIMEOUTS        receivers of process 0 may run out of time, with or
                       without a token in hand
     -DHINTS           the look before the first sleep trusts sent == received
     -DKEEPS_OPEN      somebody else holds a writing end for ever (no EOF)
     -DCLOSES          senders close their end before they leave

   Mutants (each must fail):
     -DNO_BELL           the kernel adds nothing at a death
     -DNO_TOKEN_WORD     (no mutant by itself) a token is posted whether or not one
                         is out; must fail with NO_BATON, too
     -DNO_BATON          who had a token and leaves does not wake the next
     -DBATON_ON_SUCCESS  he does, but not after a timeout
     -DNO_TOKEN_TAKEN    who takes a token does not say so
     -DTOKEN_LATE        he says so after his look
     -DHEALS             somebody zeroes `sleepers' where the kernel has none
     -DHINT_LATE         (with HINTS) sent is counted after msgsnd
     -DLOOK_FIRST        a receiver looks before it announces itself, only    */

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
#define PROCS (RECEIVERS + SENDERS)

byte queue = 0;                 /* messages */
byte g = 0;
byte sleepers = 0;
bool token = 0;
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

byte in_semop = 0;              /* threads asleep: what GETNCNT tells */
byte asleep_alive = 0;          /* those of living processes */

inline wake() {
  if
#ifdef NO_TOKEN_WORD
  :: sleepers > 0 -> g++
#else
  :: sleepers > 0 && token == 0 ->
     d_step { was = token; token = 1 };
     if :: !was -> g++ :: else fi
#endif
  :: else
  fi
}

inline take_message() {
  d_step { if :: queue > 0 -> queue--; ok = 1 :: else -> ok = 0 fi };
  if :: ok -> received++ :: else fi
}

proctype receiver(byte p) {
  bool was, ok, late, had = 0, announced = 0, asleep = 0;
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
#ifdef HINTS
    if :: !had && sent == received -> goto nothing :: else fi;
#endif
    take_message();
#ifdef TOKEN_LATE
    if :: had -> token = 0 :: else fi;
#endif
    if :: ok -> goto leave :: else fi;
nothing: skip;
    if
    :: writers == 0 -> take_message(); goto leave       /* the end of file */
    :: writers > 0
    fi;
sleep: skip;
    atomic { asleep = 1; in_semop++; asleep_alive++ };
    if
    :: atomic { g > 0 -> g--; asleep = 0; in_semop--; asleep_alive--; had = 1 }
#ifdef TIMEOUTS
    :: atomic { p == 0 -> asleep = 0; in_semop--; asleep_alive--; late = 1 };
       goto leave
#endif
    fi;
#if !defined(NO_TOKEN_TAKEN) && !defined(TOKEN_LATE)
    token = 0;
#endif
#ifdef TIMEOUTS
    if :: p == 0 -> late = 1; goto leave :: skip fi;
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
       if :: queue > 0 || writers == 0 -> wake() :: else fi
    :: else
    fi
#endif
  } unless { doom[p] > 0 };
  if
  :: doom[p] > 0 && asleep ->
     atomic { asleep = 0; asleep_alive-- };
     if
     :: atomic { g > 0 -> g--; in_semop-- }             /* woken, then killed */
     :: in_semop--
     fi
  :: else
  fi;
  atomic { threads[p]--; had = 0; ok = 0; was = 0; late = 0; announced = 0 }
}

proctype sender(byte p; byte number) {
  bool was;
  byte i = 0;
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
       wake();
       i++
    :: else -> break
    od;
#ifdef CLOSES
    if
    :: number == 0 ->
       /* {W,-1}{g,+1}, in one step; the token word does not matter to it */
       d_step { writers--; closed[p] = 1; g++ }
    :: else
    fi
#endif
  } unless { doom[p] > 0 };
  atomic { threads[p]--; i = 0; was = 0 }
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
          g++;
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
         do :: j < RECEIVER_THREADS -> run receiver(i); j++ :: else -> break od
      :: else ->
         threads[i] = SENDER_THREADS;
         j = 0;
         do :: j < SENDER_THREADS -> run sender(i, j); j++ :: else -> break od
      fi
    }
    run killer();
#ifdef HEALS
    run healer();
#endif
    i = 0; j = 0
  }
  timeout -> assert(asleep_alive == 0 || (queue == 0 && writers > 0))
}
