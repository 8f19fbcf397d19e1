/* space.pml - the send gate of a channel: senders that sleep until there is
   room, and want unlike amounts of it (lib/gate.c with gate_wait.unlike,
   lib/channel-send.c: look, more).

   What is modelled.  The queue has room for CAP units, and is full at first; a
   sender p wants BIG units if bit p of BIGS is set, else 1.  The reader takes
   TAKEN messages of one unit, and stops.  The gate's semaphore g is the
   kernel's: who sleeps in semop stands in a line, and a token goes to the
   first of it, at once; a token that nobody waits for stays.  A sender that
   has looked and is not yet in semop does not stand in that line.  SIGKILL may
   come before every step of a sender or of the reader; its bell then adds a
   token.  What is checked: at the end, nobody sleeps for whom there is room.

   Sizes:
     -DSENDERS=n -DBIGS=mask -DBIG=n -DCAP=n -DTAKEN=n -DKILLS=n
     -DTIMES=mask  these senders may run out of time
     -DLIMIT=n     besides, at most n messages: a place is reserved first, and
                   given back where the kernel has no room (the counters of
                   counters.pml)
     -DFILLED=n    messages of one unit that are in the queue at first (CAP)

   How one token reaches all who might use it:
     (default)     the event count `round': it is read before a look, and who
                   sleeps does so only while it is the same; who took a token
                   in vain raises it, which sends all others to look again
   Mutants (each must fail):
     -DNO_ROUNDS   nothing: a token in vain is lost on the others
     -DHOPS        the waker writes down how many sleep; who was woken in vain
                   posts again while that number, counted down, is not zero.
                   (Who posts may take his own token, before one that has looked
                   gets into the line.)
     -DSTALE_ROUND the event count is read after the look
     -DNO_BATON    who had a token and leaves does not look for others
     -DNO_BELL     the kernel adds no token at a death
     -DBACK_TO_SLEEP  (with LIMIT) a sender that finds the limit reached, but
                   later that it is not any more, sleeps: a place that was
                   given back wakes nobody                                     */

#ifndef SENDERS
#define SENDERS 3
#endif
#ifndef BIGS
#define BIGS 1
#endif
#ifndef BIG
#define BIG 2
#endif
#ifndef CAP
#define CAP 2
#endif
#ifndef FILLED
#define FILLED CAP
#endif
#ifndef TAKEN
#define TAKEN 1
#endif
#ifndef KILLS
#define KILLS 0
#endif
#ifndef TIMES
#define TIMES 0
#endif

#define READER    SENDERS
#define PROCS     (SENDERS + 1)
#define IN(mask)  (((mask) >> p) & 1)

byte used = FILLED;               /* units in the queue */
byte n = 0;                     /* senders announced */
bool token = false;             /* a token is out */
byte g = 0;                     /* tokens that nobody has taken */
byte hops = 0;
byte round = 0;                 /* the event count */
#ifdef LIMIT
byte placed = FILLED;             /* messages counted: sent - received */
byte messages = FILLED;           /* messages in the queue */
#endif

chan line = [SENDERS] of { byte };      /* asleep in semop */
byte answer[SENDERS];           /* 0: sleeps; 1: has the token; 2: the round is over */
byte doom[PROCS];               /* 1: SIGKILL sent, 2: undone */
bool ended[PROCS];
byte kills = KILLS;
byte demand[SENDERS];
byte asleep[SENDERS];

#define FITS(d)  (used + (d) <= CAP)

inline give() {                         /* {g,+1} */
  d_step {
    if
    :: len(line) > 0 -> line ? who; answer[who] = 1; who = 0
    :: else -> g++
    fi
  }
}

inline post_token() {
  d_step { was = token; token = 1 };
  if :: !was -> give() :: else fi
}

inline wake() {
  if
  :: n > 0 ->
#ifdef HOPS
     hops = n;
#endif
     post_token()
  :: else
  fi
}

proctype sender(byte p) {
  byte v, who, h;
  bool was, ok, had, fresh;
  bool announced = 0;
  {
    skip;
look:
    v = round;                          /* GETVAL */
#ifdef LIMIT
    d_step { if :: placed < LIMIT -> placed++; ok = 1 :: else -> ok = 0 fi };
    if
    :: !ok ->                           /* the limit is reached, or was */
#ifdef BACK_TO_SLEEP
       if :: placed < LIMIT -> goto nothing :: else fi;
#endif
       /* places that are only reserved: look again in a moment */
       if :: messages < LIMIT && announced -> goto look :: else fi
    :: else ->
       d_step {
         if
         :: FITS(demand[p]) -> used = used + demand[p]; messages++; ok = 1
         :: else -> ok = 0
         fi
       };
       if :: ok -> goto leave :: else -> placed-- fi
    fi;
#else
    d_step { if :: FITS(demand[p]) -> used = used + demand[p]; ok = 1 :: else -> ok = 0 fi };
    if :: ok -> goto leave :: else fi;
#endif
nothing: skip;
    if :: !announced -> atomic { n++; announced = 1 }; goto look :: else fi;
#ifdef HOPS
    if
    :: fresh ->
       d_step { fresh = 0; h = hops; if :: h > 0 -> hops-- :: else fi };
       if :: h > 0 -> post_token() :: else fi
    :: else
    fi;
#endif
#if !defined(HOPS) && !defined(NO_ROUNDS)
    if
    :: fresh ->                         /* in vain: all others may look again */
       atomic {
         fresh = 0;
         round++;
         do
         :: line ? [who] -> line ? who; answer[who] = 2
         :: else -> break
         od;
         who = 0
       };
       goto look
    :: else
    fi;
#endif
#ifdef STALE_ROUND
    v = round;
#endif
    if :: IN(TIMES) -> goto leave :: skip fi;
    atomic {                            /* semtimedop */
      if
      :: v != round -> goto look
      :: v == round && g > 0 -> g--; answer[p] = 1
      :: v == round && g == 0 -> line ! p; answer[p] = 0
      fi;
      asleep[p] = 1; v = 0
    };
    if
    :: atomic { answer[p] == 1 -> answer[p] = 0; asleep[p] = 0; had = 1; fresh = 1 };
       token = 0;
       goto look
    :: atomic { answer[p] == 2 -> answer[p] = 0; asleep[p] = 0 };
       goto look
    :: atomic { IN(TIMES) && answer[p] == 0 -> line ?? eval(p); asleep[p] = 0 }
    fi;
leave:
    if :: announced -> atomic { n--; announced = 0 } :: else fi;
#ifndef NO_BATON
    if
    :: had -> if :: FITS(1) -> wake() :: else fi
    :: else
    fi
#endif
  } unless { doom[p] > 0 };
  if
  :: atomic { doom[p] > 0 && asleep[p] && answer[p] == 0 -> line ?? eval(p); asleep[p] = 0 }
  :: else
  fi;
  atomic { asleep[p] = 0; answer[p] = 0; ended[p] = 1; v = 0; who = 0; h = 0; was = 0; ok = 0; had = 0; fresh = 0; announced = 0 }
}

proctype reader() {
  byte i = 0, who;
  bool was;
  {
    do
    :: i < TAKEN ->
#ifdef LIMIT
       d_step { used > 0 && messages > 0 -> used--; messages-- };
       placed--;
#else
       d_step { used > 0 -> used-- };
#endif
       wake();
       i++
    :: else -> break
    od
  } unless { doom[READER] > 0 };
  ended[READER] = 1
}

proctype killer() {
  byte p, who;
  do
  :: kills > 0 ->
     select (p : 0 .. (PROCS - 1));
     if
     :: doom[p] == 0 ->
        d_step { doom[p] = 1; kills-- };
        ended[p];
#ifndef NO_BELL
        give();
#endif
        doom[p] = 2
     :: else
     fi
  :: break
  od
}

init {
  byte p;
  atomic {
    for (p : 0 .. (SENDERS - 1)) {
      demand[p] = (IN(BIGS) -> BIG : 1);
      run sender(p)
    }
    run reader();
    run killer();
    p = 0
  }
  timeout;
  for (p : 0 .. (SENDERS - 1)) {
    assert(!(asleep[p] && FITS(demand[p])
#ifdef LIMIT
             && messages < LIMIT
#endif
             ))
  }
}
