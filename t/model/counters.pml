/* counters.pml - the counts of a bounded queue, and how they are mended after
   a kill (lib/channel-send.c: reserve, try_send, all_idle, mend;
   lib/channel-receive.c: try_receive).

   What is modelled.  `sent' is raised before msgsnd, by CAS and only while
   sent - received is below LIMIT, and taken back where the kernel has no room;
   `received' is raised after msgrcv.  The low half of the real `sent' is the
   count here, the high half is `attempts', which is never taken back; both
   change in one step.  A member's `busy' is raised before and lowered after
   either.  A kill in between leaves sent - received too large: mend() looks
   whether every member alive is idle, before and after it asks the kernel how
   much is in the queue, and adds what is missing to `received' by CAS.
   SIGKILL may come before every step; the alive bit falls after the last one.
   What is checked:
     - never more than LIMIT messages in the queue;
     - sent - received is never less than what is in it (so equal means empty);
     - once nobody is active, one mend() makes the two the same.

   Sizes:
     -DPROCS=n -DOPS=n    members, and operations of each
     -DSENDERS=mask -DRECEIVERS=mask -DMENDERS=mask   what member p may do
     -DJOINS=mask         these become members only in the middle
     -DLIMIT=n -DAT_FIRST=n   the limit, and messages in the queue at first
     -DLEAK=n             a kill long ago has left so much too large
     -DREFUSALS=n         so many msgsnd may answer EAGAIN
     -DKILLS=n
   Mutants (each must fail):
     -DNO_FIRST_SCAN      busy is not looked at before the kernel is asked
     -DNO_SECOND_SCAN     nor after it
     -DOLD_ALIVE          the second scan uses the first one's alive bits
     -DNO_ATTEMPTS        `sent' is the same if its count is the same
     -DMEND_ADDS          received += what is missing, instead of CAS
     -DRESERVE_ADDS       looks at the limit, then adds, instead of CAS
     -DSENT_AFTER         sent is raised after msgsnd
     -DRECEIVED_BEFORE    received is raised before msgrcv
     -DBUSY_LATE          busy is raised after sent                            */

#ifndef PROCS
#define PROCS 3
#endif
#ifndef OPS
#define OPS 1
#endif
#ifndef SENDERS
#define SENDERS 3
#endif
#ifndef RECEIVERS
#define RECEIVERS 3
#endif
#ifndef MENDERS
#define MENDERS 4
#endif
#ifndef JOINS
#define JOINS 0
#endif
#ifndef LIMIT
#define LIMIT 2
#endif
#ifndef AT_FIRST
#define AT_FIRST 1
#endif
#ifndef LEAK
#define LEAK 0
#endif
#ifndef REFUSALS
#define REFUSALS 0
#endif
#ifndef KILLS
#define KILLS 0
#endif

#define IN(mask)  (((mask) >> p) & 1)

byte sent = AT_FIRST + LEAK;
byte attempts = 0;
byte received = 0;
byte messages = AT_FIRST;
byte busy[PROCS];
byte alive = 0;                     /* bits: GETALL reads them in one step */
byte doom[PROCS];                   /* 1: SIGKILL sent, 2: undone */
bool ended[PROCS];
byte kills = KILLS, refusals = REFUSALS;

inline check() {
  assert(messages <= LIMIT);
  assert(sent >= received && sent - received >= messages)
}

inline reserve() {
#ifdef RESERVE_ADDS
  d_step { if :: sent - received < LIMIT -> ok = 1 :: else -> ok = 0 fi };
  if :: ok -> d_step { sent++; attempts++ } :: else fi;
#else
  /* The pair is loaded as one word, and the CAS compares all of it */
  do
  :: atomic { s0 = sent; a0 = attempts };
     r0 = received;
     if
     :: s0 >= r0 + LIMIT -> ok = 0; break
     :: else ->
        d_step {
          if
          :: sent == s0 && attempts == a0 -> sent++; attempts++; ok = 1
          :: else -> ok = 0
          fi
        };
        if :: ok -> break :: else fi
     fi
  od;
#endif
  skip
}

inline send_one() {
#ifndef BUSY_LATE
  busy[p]++;
#endif
#ifdef SENT_AFTER
  d_step { if :: sent - received < LIMIT -> ok = 1 :: else -> ok = 0 fi };
#else
  reserve();
#endif
#ifdef BUSY_LATE
  busy[p]++;
#endif
  if
  :: ok ->
     if
     :: d_step { messages++; check() }
     :: d_step { refusals > 0 -> refusals--; ok = 0 }
     fi;
#ifdef SENT_AFTER
     if :: ok -> d_step { sent++; attempts++ } :: else fi
#else
     if :: !ok -> d_step { sent--; check() } :: else fi
#endif
  :: else
  fi;
  busy[p]--;
  d_step { s0 = 0; a0 = 0; r0 = 0; ok = 0 }
}

inline receive_one() {
  busy[p]++;
#ifdef RECEIVED_BEFORE
  if
  :: d_step { messages > 0 -> received++; check() };
     d_step { if :: messages > 0 -> messages-- :: else fi }
  :: messages == 0
  fi;
#else
  d_step { if :: messages > 0 -> messages--; ok = 1 :: else -> ok = 0 fi };
  if :: ok -> d_step { received++; check() } :: else fi;
#endif
  busy[p]--;
  ok = 0
}

/* idle: every living member was seen outside of an operation */
inline scan(living) {
  i = 0; idle = 1;
  do
  :: i < PROCS && idle ->
     atomic {
       if
       :: ((living >> i) & 1) && busy[i] != 0 -> idle = 0
       :: else
       fi;
       i++
     }
  :: else -> break
  od;
  i = 0
}

#ifdef NO_ATTEMPTS
#define SAME_SENT   (sent == s0)
#else
#define SAME_SENT   (sent == s0 && attempts == a0)
#endif
inline mend() {
  atomic { s0 = sent; a0 = attempts };
  d_step { living = alive; idle = 1 };
#ifndef NO_FIRST_SCAN
  scan(living);
#endif
  if
  :: idle ->
     r0 = received;
     if
     :: SAME_SENT ->
        q0 = messages;
#ifndef OLD_ALIVE
        living = alive;
#endif
#ifndef NO_SECOND_SCAN
        scan(living);
#endif
        if
        :: idle ->
           if
           :: SAME_SENT ->
              if
              :: received == r0 && s0 > r0 + q0 ->
#ifdef MEND_ADDS
                 d_step { received = received + s0 - r0 - q0; check() }
#else
                 d_step { if :: received == r0 -> received = s0 - q0; check() :: else fi }
#endif
              :: else
              fi
           :: else
           fi
        :: else
        fi
     :: else
     fi
  :: else
  fi;
  d_step { s0 = 0; a0 = 0; r0 = 0; q0 = 0; living = 0; idle = 0 }
}

proctype member(byte p) {
  byte done = 0;
  byte s0, a0, r0, q0, i, living;
  bool ok, idle;
  {
    if :: IN(JOINS) -> d_step { alive = alive | (1 << p) } :: else fi;
    do
    :: done < OPS ->
       if
       :: IN(SENDERS) -> send_one()
       :: IN(RECEIVERS) -> receive_one()
       :: IN(MENDERS) -> mend()
       fi;
       done++
    :: else -> break
    od
  } unless { doom[p] > 0 };
  atomic { ended[p] = 1; done = 0; s0 = 0; a0 = 0; r0 = 0; q0 = 0; i = 0; living = 0; ok = 0; idle = 0 }
}

proctype killer() {
  byte p;
  do
  :: kills > 0 ->
     select (p : 0 .. (PROCS - 1));
     if
     :: doom[p] == 0 ->
        d_step { doom[p] = 1; kills-- };
        ended[p];
        d_step { doom[p] = 2; alive = alive & ~(1 << p) }
     :: else
     fi
  :: break
  od
}

init {
  byte p = 0;
  byte s0, a0, r0, q0, i, living;
  bool idle;
  atomic {
    for (p : 0 .. (PROCS - 1)) {
      if :: !IN(JOINS) -> alive = alive | (1 << p) :: else fi;
      run member(p)
    }
    run killer();
    p = 0
  }
  timeout;
  mend();
  assert(sent - received == messages)
}
