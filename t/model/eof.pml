/* eof.pml - who may declare the end of file?  The cradle (lib/cradle.c,
   lib/fork.c; lib/channel-receive.c: nothing).

   What is modelled.  A receiver judges whether anybody can still send; a
   process holds a writing end, and may fork a child that shall have it too,
   which may fork again (DEPTH).  The forking process attaches the cradle; a
   child begins attached to it and holds nothing; it registers (writers += 1),
   raises `registrations', and detaches, in this order.  Each may send, close
   its end, or be killed at any step; a death detaches first, and then undoes
   (exit_mm comes before exit_sem).  The judge reads registrations, writers,
   the cradle's attachments, registrations again, and looks into the queue a
   last time.  What is checked: after an end of file was declared, nobody sends,
   and nothing was in the queue.

   -DDEPTH=n      generations of children            -DLOOKS=n  of the judge
   -DOTHER_DIES   another member of the arena dies meanwhile
   -DOTHER_EXECS  another member execs (it keeps its undos, but not its maps)

   Mutants (each must fail):
     -DATTACHED_TO_ARENA  no cradle: writers == 0, and no more attachments to the
                          arena than registered members, says that nobody is on
                          his way
     -DNO_REGISTRATIONS   registrations are not compared
     -DNO_LAST_LOOK       the queue is not looked at again
     -DDETACH_FIRST       the child detaches before it registers
     -DCOUNT_LATE         the child raises registrations after it has detached */

#ifndef DEPTH
#define DEPTH 2
#endif
#ifndef LOOKS
#define LOOKS 3
#endif

byte writers = 1;
byte members = 2;               /* registered: the receiver and the process */
byte attached = 2;              /* to the arena */
byte cradle = 0;                /* attached to the cradle */
byte registrations = 0;
byte queue = 0;
bool ended = 0;                 /* the end of file was declared */

proctype process(byte depth; bool registered) {
  bool in_cradle = 0;

  /* The child side of fork: killed here, it has registered nothing */
  if
  :: !registered ->
     in_cradle = 1;
     if
     :: skip
     :: goto dies
     fi;
#ifdef DETACH_FIRST
     atomic { cradle--; in_cradle = 0 };
#endif
     atomic { writers++; members++; registered = 1 };
     if :: skip :: goto dies fi;
#ifndef COUNT_LATE
     registrations++;
     if :: skip :: goto dies fi;
#endif
#ifndef DETACH_FIRST
     atomic { cradle--; in_cradle = 0 };
#endif
#ifdef COUNT_LATE
     registrations++
#endif
  :: else
  fi;

  if
  :: assert(!ended); queue++
  :: skip
  fi;

  /* The parent side */
  if
  :: depth > 0 ->
     atomic { cradle++; in_cradle = 1 };
     if
     :: atomic { attached++; cradle++; run process(depth - 1, 0) }
     :: skip
     fi;
     if
     :: atomic { cradle--; in_cradle = 0 };
        if
        :: writers-- ;                  /* closes its end, and leaves */
           atomic { members--; registered = 0 };
           attached--;
           goto gone
        :: skip
        fi
     :: skip
     fi
  :: skip
  fi;

dies:
  atomic { attached--; if :: in_cradle -> cradle--; in_cradle = 0 :: else fi };
  if :: registered -> atomic { writers--; members--; registered = 0 } :: else fi;
gone: skip
}

proctype other() {
#if defined(OTHER_DIES) || defined(OTHER_EXECS)
  attached--;
#endif
#ifdef OTHER_DIES
  members--;
#endif
  skip
}

proctype judge() {
  byte before, seen, there, known, looks = 0;

  do
  :: looks < LOOKS ->
     looks++;
#ifdef ATTACHED_TO_ARENA
     atomic { seen = writers; known = members };
     there = attached;
     if
     :: seen == 0 && there <= known ->
#else
     before = registrations;
     seen = writers;
     if :: seen == 0 -> there = cradle :: else fi;
     if
#ifdef NO_REGISTRATIONS
     :: seen == 0 && there == 0 ->
#else
     :: seen == 0 && there == 0 && registrations == before ->
#endif
#endif
#ifndef NO_LAST_LOOK
        if
        :: atomic { queue > 0 -> queue-- }; goto next
        :: queue == 0
        fi;
#endif
        ended = 1;
        assert(queue == 0);
        break
     :: else
     fi;
next:
     if :: atomic { queue > 0 -> queue-- } :: queue == 0 fi;
     atomic { before = 0; seen = 0; there = 0; known = 0 }
  :: else -> break
  od
}

init {
  atomic {
#if defined(OTHER_DIES) || defined(OTHER_EXECS)
    attached++; members++;
#endif
    run process(DEPTH, 1);
    run judge();
    run other()
  }
}
